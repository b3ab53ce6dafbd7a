"""How smoothly the player plays: `.venv/bin/python tests/benchmark_player.py`, in a browser of its own.

Eight lanes with a bar for each of 2,000 blocks, played on a bare page: frames a second, the longest frame, and what
painting all blocks anew takes. Not a test: the figures depend on the machine. Close other programs first.
"""

import json
from pathlib import Path

import lab_page
from playwright.sync_api import sync_playwright

from conc_lab.drawing.player import player

LANES, BLOCKS = 8, 250
MEASURE = """async ([source, style, tracks]) => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: { render } } = await import(address), start = performance.now();
  render({ model: { get: (name) => ({ tracks, hues: {} })[name], on() {}, off() {} }, el: document.body });
  const first = performance.now() - start, gaps = [];
  document.querySelectorAll("button")[1].click();
  await new Promise((done) => {
    let last = performance.now();
    const begun = last;
    requestAnimationFrame(function tick(now) {
      gaps.push(now - last);
      last = now;
      if (now - begun < 4000) requestAnimationFrame(tick); else done();
    });
  });
  return [first, gaps.slice(2), document.querySelector(".clock").textContent];
}"""


def main():
    places = [(lane, at) for lane in range(LANES) for at in range(BLOCKS)]
    blocks = [(lane, at, at + 0.9, "runs", 0.3 + 0.7 * (at % 2), at % 8, at) for lane, at in places]
    track = player.Track("many", [(f"thread {lane + 1}", "threads") for lane in range(LANES)], blocks)
    tracks = json.loads(json.dumps([track._asdict()]))
    source, style = (Path(player.__file__).with_name(f"player.{kind}").read_text() for kind in ("js", "css"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=lab_page.CHROMIUM, args=["--no-sandbox"])
        for scale in (1, 2):
            context = browser.new_context(viewport={"width": 1100, "height": 900}, device_scale_factor=scale)
            first, gaps, clock = context.new_page().evaluate(MEASURE, [source, style, tracks])
            each = f"{1000 * len(gaps) / sum(gaps):.0f} frames/s, the longest {max(gaps):.0f} ms"
            print(f"{len(blocks):,} blocks, {scale} dots a pixel: {each}; first painted in {first:.0f} ms; at {clock}")
        browser.close()


if __name__ == "__main__":
    main()
