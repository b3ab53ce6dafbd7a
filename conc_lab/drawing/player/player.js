// The player of the living picture: who ran when, on one time axis. Nothing here asks the kernel.
// The blocks are painted once, on a canvas of their own. A frame copies that canvas, veils what is still to come, and
// draws the playhead and the gauges.

const LANE = 24, HEAD = 26, LOCK = 20, FOOT = 22, GAP = 12, LEFT = 112, RIGHT = 14, NARROW = 480; // pixels
const HALF = 0.5; // of a measured block: from this share on its worker is said to run
const PLAY_S = 12; // about how long the whole takes at the speed that is set first
const STEP_MS = 1200; // between two steps, where the reader asked for less motion
const LEGEND = {
  runs: "runs", thin: "thin: it ran for part of this time, not known which part",
  lock: "waits for the lock", cpu: "waits for a CPU", waits: "waits in its task",
  unknown: "not running, reason not known",
};
const MEANT = { lock: "waits for the lock", cpu: "waits for a CPU", waits: "waits in its task" };

// A time in milliseconds, in words with its unit.
const ms = (time) => (time >= 1 || time === 0 ? `${+time.toPrecision(3)} ms` : `${+(1000 * time).toPrecision(3)} µs`);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// A track made ready to be played: its lanes with their blocks in order, and when its last block ends.
function prepared(track) {
  const lanes = track.lanes.map(([name, kind]) => ({ name, kind, blocks: [] }));
  for (const [lane, start, end, state, share, cpu, task] of track.blocks)
    lanes[lane].blocks.push({ lane, start, end, state, share, cpu, task });
  lanes.forEach((lane) => lane.blocks.sort((a, b) => a.start - b.start));
  const lock = track.lock.map(([lane, start, end]) => ({ lane, start, end })).sort((a, b) => a.start - b.start);
  const label = `${track.modelled ? "model" : "measured"}, ${track.title}`;
  const cpus = new Set(track.blocks.map(([, , , , , cpu]) => cpu).filter((cpu) => cpu !== null)).size || lanes.length;
  return { ...track, label, lanes, lock, cpus, end: Math.max(0, ...lanes.map((lane) => lane.blocks.at(-1)?.end ?? 0)) };
}

const runs = (block) => block.state === "runs" && block.share >= HALF;

// What a worker does from the start of a block on, in words.
function told(track, block, takes) {
  if (MEANT[block.state]) return MEANT[block.state];
  if (block.state === "unknown" || block.share < 0.005) return "isn't running, reason not known";
  const where = block.cpu === null ? "" : ` on CPU ${block.cpu}`;
  const part = track.modelled || block.share > 0.95 ? "" : ` for ${Math.round(100 * block.share)}% of this block`;
  return `${takes ? "takes the lock and " : ""}runs${part}${where}`;
}

// What changes in a track: {time, text} for every change that a word can be said about.
function changes(track, eps) {
  const found = [], taken = new Set(track.lock.map(({ lane, start }) => `${lane} ${start}`));
  track.lanes.forEach(({ name, blocks }) => {
    let before = null, key = null;
    const lasts = new Map(blocks.map((block) => [block.task, block]));
    const ends = (block) => block.task !== null && lasts.get(block.task) === block ? [`ends task ${block.task + 1}`] : [];
    for (const block of blocks) {
      const takes = taken.has(`${block.lane} ${block.start}`), gap = before && block.start - before.end > eps;
      const now = [block.state, runs(block), block.cpu, block.task].join();
      if (gap) found.push({ time: before.end, text: `${name} ${ends(before)[0] ?? "stops"}` });
      if (gap || takes || now !== key) {
        const news = [...(before && !gap ? ends(before) : []), told(track, block, takes)];
        found.push({ time: block.start, text: `${name} ${news.join(", ")}` });
      }
      [before, key] = [block, now];
    }
    if (before) found.push({ time: before.end, text: `${name} ${[...ends(before), "is done"].join(" and ")}` });
  });
  return found;
}

// Where the lock or, without one, the CPU passes from one worker to another: {time, right: lanes that are right, track}.
function handovers(track, eps) {
  let phases = track.lock;
  if (!phases.length) {
    phases = [];
    for (const { blocks } of track.lanes) {
      let phase = null;
      for (const { lane, start, end } of blocks.filter(runs)) {
        if (phase && start - phase.end <= eps) phase.end = end;
        else phases.push((phase = { lane, start, end }));
      }
    }
    phases.sort((a, b) => a.start - b.start);
  }
  const found = [], ended = track.lanes.map(() => -Infinity);
  for (const { lane, start, end } of phases) {
    const stopped = ended.some((time, other) => other !== lane && time <= start + eps && time > ended[lane] - eps);
    if (stopped && start > eps && start - (found.at(-1)?.time ?? -Infinity) <= eps) found.at(-1).right.push(lane);
    else if (stopped && start > eps) found.push({ time: start, right: [lane], track });
    ended[lane] = end;
  }
  return found;
}

// All changes of all tracks in order, those of one moment together.
function steps(tracks, eps) {
  const all = tracks.flatMap((track) => changes(track, eps).map((change) => ({ ...change, track })));
  const found = [];
  for (const { time, text, track } of all.sort((a, b) => a.time - b.time)) {
    if (!found.length || time - found.at(-1).time > eps) found.push({ time, words: new Map() });
    const { words } = found.at(-1);
    words.set(track, [...(words.get(track) ?? []), text]);
  }
  const say = ([track, texts]) => (tracks.length > 1 ? `${track.label}: ` : "") + texts.join("; ");
  return found.map(({ time, words }) => ({ time, text: `${[...words].map(say).join(". ")}.` }));
}

// How many CPUs a track keeps busy: now, in a model, and on average up to a time.
function busy(track, time) {
  let now = 0, used = 0;
  for (const { blocks } of track.lanes)
    for (const { start, end, state, share } of blocks) {
      if (start > time) break;
      if (state !== "runs") continue;
      used += share * (Math.min(end, time) - start);
      now += end > time;
    }
  return { now, average: time > 0 ? used / Math.min(time, track.end || 1) : 0 };
}

// One block on a canvas, its state told by its pattern, not by its hue alone.
function draw(ctx, x, y, width, height, state, share, hue, grey) {
  const thick = Math.max(3, height * share), wide = Math.max(1, width - (width > 4));
  ctx.fillStyle = ctx.strokeStyle = state === "runs" ? hue : grey;
  ctx.lineWidth = 1;
  if (state === "runs") ctx.fillRect(x, y + (height - thick) / 2, wide, thick);
  else if (wide < 3) ctx.fillRect(x, y + height / 2 - 2, wide, 4);
  else if (state === "unknown") {
    ctx.setLineDash([3, 3]);
    ctx.strokeRect(x, y + height / 2, wide, 0);
  } else {
    ctx.save();
    ctx.beginPath();
    ctx.rect(x + 0.5, y + 2.5, wide - 1, height - 5);
    ctx.stroke();
    ctx.clip();
    ctx.beginPath();
    if (state === "lock") for (let at = x - height; at < x + wide; at += 6) {
      ctx.moveTo(at, y + height);
      ctx.lineTo(at + height, y);
    }
    if (state === "cpu") for (let at = x + 4; at < x + wide; at += 6) for (let down = 6; down < height - 2; down += 6)
      ctx.rect(at - 0.5, y + down - 0.5, 1.5, 1.5);
    ctx.stroke();
    ctx.restore();
  }
  ctx.setLineDash([]);
}

// Black or white, whichever is read better on a colour such as #0072B2.
function ink(hue) {
  const [red, green, blue] = [1, 3, 5].map((at) => (parseInt(hue.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000" : "#fff";
}

function render({ model, el }) {
  // An element of the widget; what can have the focus tells JupyterLab that its keys are no shortcuts.
  const add = (parent, tag, text = "", properties = {}) => {
    const made = Object.assign(document.createElement(tag), { textContent: text }, properties);
    if (["button", "input", "select"].includes(tag)) made.dataset.lmSuppressShortcuts = "true";
    parent.append(made);
    return made;
  };
  const root = add(el, "div", "", { className: "conc-player" });
  root.setAttribute("role", "group");
  const canvas = add(root, "canvas"), legend = add(root, "div", "", { className: "legend" });
  const notes = add(root, "div", "", { className: "notes" });
  const controls = add(root, "div", "", { className: "controls" });
  const back = add(controls, "button", "Back"), play = add(controls, "button", "Play");
  const forth = add(controls, "button", "Step");
  const slider = add(controls, "input", "", { type: "range", min: 0, max: 1000, step: 5, value: 0 });
  slider.setAttribute("aria-label", "Time");
  const clock = add(controls, "span", "", { className: "clock" });
  const options = add(root, "div", "", { className: "controls" });
  const speeds = add(add(options, "label", "Slow motion: "), "select");
  const label = add(options, "label"), ask = add(label, "input", "", { type: "checkbox" });
  label.append(" Ask me who runs next");
  const answers = add(root, "div", "", { className: "controls", hidden: true });
  answers.setAttribute("role", "group");
  answers.setAttribute("aria-label", "Who runs next?");
  const said = add(root, "p", "", { className: "said" });
  said.setAttribute("role", "status");

  const ctx = canvas.getContext("2d"), still = document.createElement("canvas");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let tracks, end, eps, events, questions, width, look, time = 0, rate = 1;
  let playing = null, asked = null, hits = 0, count = 0; // playing: what ends it; asked: the question that is open
  let fresh = true; // whether the first step, at 0 ms, is still to come

  const x = (at) => LEFT + ((width - LEFT - RIGHT) * at) / end;

  function load() {
    stop();
    tracks = model.get("tracks").map(prepared);
    end = Math.max(0.001, ...tracks.map((track) => track.end));
    eps = end / 2000;
    events = steps(tracks, eps);
    questions = tracks.flatMap((track) => handovers(track, eps)).sort((a, b) => a.time - b.time);
    const rates = [-3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));
    const fitting = rates.filter((each) => end / each > 2 && end / each < 240);
    speeds.replaceChildren(...fitting.map((each) => new Option(`1 s shows ${ms(each)} of the run`, each)));
    speeds.value = rate = fitting.find((each) => end / each <= PLAY_S) ?? fitting.at(-1);
    root.setAttribute("aria-label", `Player: ${tracks.map((track) => track.label).join("; ")}`);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Who ran when: ${tracks.map((track) => `${track.label}, ${track.lanes.length} ` +
      `lane${track.lanes.length > 1 ? "s" : ""}, ${ms(track.end)}`).join("; ")}. Step says in words what changes.`);
    notes.replaceChildren();
    for (const note of new Set(tracks.map((track) => track.note).filter(Boolean))) add(notes, "p", note);
    [hits, count] = [0, 0];
    close();
    answers.replaceChildren();
    say("Press Play, or go step by step with Step or the arrow keys.");
    [time, fresh] = [0, true];
    paint();
  }

  const say = (text) => { said.textContent = text; };

  // The blocks, names, titles and the axis, as they are before anything plays.
  function paint() {
    width = canvas.clientWidth;
    if (!width) return; // not on the page yet
    const style = getComputedStyle(root), value = (name) => style.getPropertyValue(name).trim(), dpr = devicePixelRatio;
    const dark = document.body.matches("[data-jp-theme-light=false], .vscode-dark");
    look = { text: value("--text"), grey: value("--grey"), paper: value("--paper"), line: value("--line") };
    let y = 0, shortest = Infinity;
    for (const track of tracks) {
      Object.assign(track, { top: y, lanesTop: y + HEAD });
      y += HEAD + LANE * track.lanes.length + (track.lock.length ? LOCK : 0) + GAP;
      track.bottom = y - GAP;
    }
    for (const each of [canvas, still]) [each.width, each.height] = [width * dpr, (y + FOOT) * dpr];
    canvas.style.height = `${y + FOOT}px`;
    const pen = still.getContext("2d"), font = (size, weight = "") => `${weight} ${size}px ${style.fontFamily}`;
    const write = (text, at, down, room, color, size = 12, weight = "") => {
      pen.fillStyle = color;
      pen.font = font(size, weight);
      pen.fillText(text, at, down, room);
    };
    pen.scale(dpr, dpr);
    pen.textBaseline = "middle";
    pen.fillStyle = look.paper;
    pen.fillRect(0, 0, width, y + FOOT);
    const unit = [1, 2, 5, 10].map((digit) => digit * 10 ** Math.floor(Math.log10(end / 5))).find((u) => end / u < 9);
    for (let at = 0; at <= end; at += unit) {
      pen.fillStyle = look.line;
      pen.fillRect(x(at), HEAD, 1, y - HEAD - GAP);
      pen.textAlign = "center";
      write(ms(+at.toPrecision(6)), Math.min(x(at), width - 24), y + 4, 60, look.text, 11);
    }
    const seen = new Map(); // the states that occur, by the legend's names: a block of each
    for (const track of tracks) {
      pen.textAlign = "left";
      pen.font = font(11, "bold");
      const badge = track.modelled ? "model" : "measured", long = pen.measureText(badge).width + 12;
      pen.strokeStyle = look.text;
      pen.setLineDash(track.modelled ? [3, 2] : []);
      pen.strokeRect(0.5, track.top + 5.5, long, 16);
      pen.setLineDash([]);
      write(badge, 6.5, track.top + 14, 99, look.text, 11, "bold");
      write(track.title, long + 8, track.top + 14, width - long - (width < NARROW ? 125 : 250), look.text, 13, "bold");
      track.lanes.forEach(({ name, kind, blocks }, lane) => {
        const top = track.lanesTop + lane * LANE, hue = model.get("hues")[kind]?.[dark ? 1 : 0] ?? look.grey;
        write(name, 0, top + LANE / 2, LEFT - 8, look.text);
        pen.fillStyle = look.line;
        pen.fillRect(LEFT, top + LANE - 1, width - LEFT - RIGHT, 1);
        for (const { start, end: stop, state, share, cpu } of blocks) {
          const wide = x(stop) - x(start), named = state === "runs" && !track.modelled && share < 0.9 ? "thin" : state;
          draw(pen, x(start), top + 2, wide, LANE - 5, state, share, hue, look.grey);
          if (!seen.has(named)) seen.set(named, [state, named === "thin" ? 0.25 : 1, hue]);
          shortest = Math.min(shortest, wide);
          if (cpu === null || state !== "runs" || share < 0.6 || wide < 8 + 6 * String(cpu).length) continue;
          seen.set("number", null);
          pen.textAlign = "center";
          write(cpu, x(start) + wide / 2, top + LANE / 2, wide, ink(hue), 11);
          pen.textAlign = "left";
        }
      });
      if (!track.lock.length) continue;
      const top = track.lanesTop + LANE * track.lanes.length + 2;
      write("who has the lock", 0, top + LOCK / 2, LEFT - 8, look.text);
      for (const { lane, start, end: stop } of track.lock) {
        const wide = Math.max(1, x(stop) - x(start));
        draw(pen, x(start), top, wide, LOCK, "runs", 0.9, look.text, look.grey);
        pen.textAlign = "center";
        if (wide > 14) write(lane + 1, x(start) + wide / 2, top + LOCK / 2, wide, look.paper, 11);
        pen.textAlign = "left";
      }
    }
    legend.replaceChildren();
    for (const [name, block] of seen) {
      const entry = add(legend, "span");
      if (!block) entry.textContent = "a number in a block: the CPU it ran on";
      else {
        const swatch = add(entry, "canvas", "", { width: 26 * dpr, height: 16 * dpr, ariaHidden: "true" });
        swatch.getContext("2d").scale(dpr, dpr);
        draw(swatch.getContext("2d"), 0, 0, 26, 16, block[0], block[1], block[2], look.grey);
        entry.append(LEGEND[name]);
      }
    }
    if (shortest < 1) add(legend, "span", "Very short blocks are drawn one pixel wide, longer than they were.");
    frame();
  }

  // One picture of the moment.
  function frame() {
    if (!width) return;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.drawImage(still, 0, 0);
    ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    const at = x(time);
    ctx.textBaseline = "middle";
    ctx.font = `12px ${getComputedStyle(root).fontFamily}`;
    for (const track of tracks) {
      ctx.globalAlpha = ask.checked ? 1 : fresh ? 0 : 0.65; // before it is played all can be read
      ctx.fillStyle = look.paper;
      ctx.fillRect(at, track.lanesTop, width - at, track.bottom - track.lanesTop);
      ctx.globalAlpha = 1;
      ctx.fillStyle = ctx.strokeStyle = look.text;
      ctx.fillRect(at - 1, track.lanesTop - 2, 2, track.bottom - track.lanesTop + 4);
      const { now, average } = busy(track, time), size = track.cpus, left = width - RIGHT - 15 * size;
      const value = track.modelled ? now : average, down = track.top + 8;
      for (let cpu = 0; cpu < size; cpu++) {
        ctx.strokeRect(left + 15 * cpu + 0.5, down + 0.5, 11, 11);
        ctx.fillRect(left + 15 * cpu, down, 12 * clamp(value - cpu, 0, 1), 12);
      }
      ctx.textAlign = "right";
      const shown = track.modelled ? `now ${now}, so far ${average.toFixed(2)}` : `so far ${average.toFixed(2)}`;
      ctx.fillText(width < NARROW ? `busy ${value.toFixed(2)}` : `Cores busy ${shown}`, left - 6, track.top + 14);
    }
    slider.value = (1000 * time) / end;
    slider.setAttribute("aria-valuetext", ms(time));
    clock.textContent = `${ms(+time.toFixed(end > 10 ? 1 : 4))} of ${ms(end)}`;
  }

  function go(to) {
    [time, fresh] = [clamp(to, 0, end), false];
    frame();
  }

  function stop() {
    playing?.();
    playing = null;
    play.textContent = "Play";
  }

  function start() {
    if (asked) return say(`${question()} Answer first, or move the slider.`);
    if (time >= end) [time, fresh] = [0, true];
    play.textContent = "Pause";
    if (calm.matches) {
      const timer = setInterval(() => step() || stop(), STEP_MS);
      playing = () => clearInterval(timer);
      return step();
    }
    say("Playing.");
    let last = performance.now(), request = requestAnimationFrame(function tick(now) {
      const next = time + ((now - last) / 1000) * rate, halt = coming(next);
      last = now;
      if (halt) return open(halt);
      go(next);
      if (time < end) request = requestAnimationFrame(tick);
      else finish();
    });
    playing = () => cancelAnimationFrame(request);
  }

  function finish() {
    stop();
    const told = tracks.map((track) => `${track.label} took ${ms(track.end)}`);
    say(`The end: ${told.join("; ")}.${count ? ` You were right ${hits} of ${count} times.` : ""}`);
  }

  // The next question up to a time, where questions are wanted.
  const coming = (until) => ask.checked && questions.find((each) => each.time > time && each.time <= until);

  const question = () => `${tracks.length > 1 ? `${asked.track.label}. ` : ""}` +
    `${asked.track.lock.length ? "Who takes the lock next?" : "Who runs next?"} Press a button, or a number key.`;

  function open(halt) {
    stop();
    go(halt.time);
    asked = halt;
    answers.replaceChildren(...halt.track.lanes.map(({ name }, lane) => {
      const button = add(answers, "button", name);
      button.onclick = () => answer(lane);
      return button;
    }));
    say(question());
  }

  function close() {
    asked = null;
    if (answers.contains(document.activeElement)) play.focus();
    for (const button of answers.children) button.disabled = true;
  }

  function answer(lane) {
    const { right, track, time: when } = asked, names = right.map((each) => track.lanes[each].name).join(" and ");
    const event = events.find((each) => Math.abs(each.time - when) <= eps);
    count += 1;
    hits += right.includes(lane);
    close();
    const after = questions.find((each) => each.time > when)?.time ?? end;
    go(Math.min(when + end / 80, (when + after) / 2));
    const happened = event ? `At ${ms(when)}: ${event.text} ` : "";
    say(`${right.includes(lane) ? "Right" : "No"}: ${names}. ${happened}${hits} of ${count} right. Press Play to go on.`);
  }

  // To the next change, or to the one before; false at the end.
  function step(forward = true) {
    const next = forward ? events.find((each) => each.time > time + eps || fresh)
      : events.findLast((each) => each.time < time - eps);
    if (asked && forward) return say(`${question()} Answer first.`);
    if (asked) close();
    const halt = forward && coming(next?.time + eps);
    if (halt) return open(halt);
    if (!next) {
      if (forward) finish();
      else {
        [time, fresh] = [0, true];
        frame();
        say("The beginning.");
      }
      return false;
    }
    go(next.time);
    say(`${ms(next.time)}: ${next.text}`);
    return true;
  }

  const byHand = (forward) => {
    stop();
    step(forward);
  };
  const toggle = () => {
    if (!playing) return start();
    stop();
    say(`Paused at ${ms(time)}.`);
  };
  play.onclick = toggle;
  forth.onclick = () => byHand(true);
  back.onclick = () => byHand(false);
  slider.oninput = () => {
    stop();
    if (asked) close();
    go((slider.value * end) / 1000);
  };
  speeds.onchange = () => { rate = +speeds.value; };
  ask.onchange = () => {
    stop();
    [hits, count, answers.hidden] = [0, 0, !ask.checked];
    answers.replaceChildren();
    close();
    if (ask.checked) [time, fresh] = [0, true];
    frame();
    say(!ask.checked ? "No more questions." : questions.length
      ? `Press Play. It stops ${questions.length} times, wherever another worker takes over, and asks who runs next.`
      : "There's nothing to ask: no worker clearly stops just as another starts.");
  };
  root.onkeydown = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target === speeds) return;
    const lane = Number(event.key) - 1;
    if (asked && lane >= 0 && lane < asked.track.lanes.length) answer(lane);
    else if (event.key === " " && event.target === slider) toggle();
    else if (event.key === "ArrowRight" && event.target !== slider) byHand(true);
    else if (event.key === "ArrowLeft" && event.target !== slider) byHand(false);
    else return;
    event.preventDefault();
  };

  // A moment later: while JupyterLab changes its theme, the page has no size.
  const theme = new MutationObserver(() => requestAnimationFrame(paint));
  const size = new ResizeObserver(() => canvas.clientWidth !== width && paint());
  theme.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
  size.observe(root);
  model.on("change:tracks", load);
  load();
  return () => {
    stop();
    theme.disconnect();
    size.disconnect();
    model.off("change:tracks", load);
  };
}

export default { render };
