// Lies in a group of ipywidgets and keeps it: its name, its one live region, its keys, its focus.
// ipywidgets build their inputs anew whenever they like, so an observer looks after every element that can be focused.
const FOCUSABLE = "button, input, select, textarea, summary, a[href], [tabindex]";

function keep(group, name) {
  const mark = crypto.randomUUID(); // each model loads this file anew: no counter would be shared
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", name);
  const mend = () => {
    for (const element of group.querySelectorAll(FOCUSABLE)) {
      // JupyterLab looks for this on the element that has the focus before it takes a key for a command.
      if (!element.hasAttribute("data-lm-suppress-shortcuts")) element.setAttribute("data-lm-suppress-shortcuts", "");
    }
    group.querySelectorAll(".widget-radio-box").forEach((box, index) => {
      for (const radio of box.querySelectorAll("input")) {
        const own = `conc-lab-${mark}-${index}`; // else the arrows of one group choose in another
        if (radio.name !== own) radio.name = own;
      }
    });
  };
  const observer = new MutationObserver(mend);
  observer.observe(group, { childList: true, subtree: true });
  group.addEventListener("keydown", (event) => {
    const button = group.querySelector("button.conc-lab-default:not([disabled])");
    if (event.key !== "Enter" || !button || !event.target.matches("input:not([type=checkbox])")) return;
    event.preventDefault();
    event.target.dispatchEvent(new Event("change", { bubbles: true }));
    button.click();
  });
  mend();
  return () => observer.disconnect();
}

function render({ model, el }) {
  const line = document.createElement("div");
  line.className = "conc-lab-status";
  line.setAttribute("role", "status");
  line.textContent = model.get("said");
  el.append(line);
  model.on("change:said", () => { line.textContent = model.get("said"); });

  let group = null, release = () => {};
  const waiting = new ResizeObserver(() => { // tells when the page has taken us in
    group ??= el.closest(".conc-lab-shell");
    if (!group) return;
    waiting.disconnect();
    release = keep(group, model.get("name"));
  });
  waiting.observe(el);

  model.on("msg:custom", ({ focus }) => {
    const here = document.activeElement;
    const lost = here === document.body || group?.contains(here) || here?.contains(group); // not from elsewhere
    if (lost) group?.querySelector(`.${focus}`)?.focus();
  });
  return () => { waiting.disconnect(); release(); };
}

export default { render };
