// Lies in a group of ipywidgets and keeps it: its name, its one live region, its keys, its focus, its presses.
// ipywidgets build their inputs anew whenever they like, so an observer looks after every element that can be focused.
const FOCUSABLE = "button, input, select, textarea, summary, a[href], [tabindex]";
const MEANT_BEFORE = 300; // ms after a label has changed in which a press was meant for the one before
const SILENT = 4000; // ms without an answer from the kernel, which takes 20 here

function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

// A group's model and the models below it.
function* below(model) {
  yield model;
  for (const child of model.get("children") ?? []) yield* below(child);
}

// Whether the kernel has handled every change in the group. ipykernel may hear two controls in two threads, so a press
// can overtake a value; and ipywidgets holds a second change of a control back until the kernel has handled the first.
function through(model) {
  return [...below(model)].every((one) => !one._pending_msgs && !one._msg_buffer);
}

function keep(group, name, press, settled) {
  const mark = crypto.randomUUID(); // each model loads this file anew: no counter would be shared
  let label = "", turned = 0;
  const title = (row) => row.firstElementChild?.textContent.trim() ?? "";
  set(group, "role", "group");
  set(group, "aria-label", name);
  const mend = () => {
    for (const element of group.querySelectorAll(FOCUSABLE)) {
      // JupyterLab looks for this on the element that has the focus before it takes a key for a command.
      if (!element.hasAttribute("data-lm-suppress-shortcuts")) element.setAttribute("data-lm-suppress-shortcuts", "");
      if (element.closest(".conc-lab-invalid")) set(element, "aria-invalid", "true");
      else element.removeAttribute("aria-invalid");
    }
    for (const row of group.querySelectorAll(".conc-lab-row, .widget-radio")) {
      set(row, "role", row.matches(".widget-radio") ? "radiogroup" : "group");
      set(row, "aria-label", title(row));
    }
    group.querySelectorAll(".widget-radio-box").forEach((box, index) => {
      for (const radio of box.querySelectorAll("input")) {
        const own = `conc-lab-${mark}-${index}`; // else the arrows of one group choose in another
        if (radio.name !== own) radio.name = own;
      }
    });
    const now = group.querySelector("button.conc-lab-default")?.textContent ?? "";
    if (now !== label) [label, turned] = [now, label && performance.now()];
  };
  const observer = new MutationObserver(mend);
  observer.observe(group, { childList: true, subtree: true, attributeFilter: ["class"] });
  const leaving = new AbortController(); // the line may be shown anew in the same group
  const capture = { capture: true, signal: leaving.signal };
  group.addEventListener("keydown", (event) => {
    if (event.key === "s" && (event.ctrlKey || event.metaKey)) { // saves the notebook: JupyterLab hears it elsewhere
      event.preventDefault();
      document.body.dispatchEvent(new KeyboardEvent("keydown", event));
    }
    if (event.key !== "Enter") return;
    if (event.repeat) event.preventDefault(); // the key is held
    const button = group.querySelector("button.conc-lab-default:not([disabled], .mod-danger)");
    if (event.repeat || !button || !event.target.matches("input:not([type=checkbox])")) return;
    event.preventDefault();
    event.target.dispatchEvent(new Event("change", { bubbles: true }));
    button.click();
  }, capture); // before the field, which keeps its keys to itself
  let waiting = 0, passing = null; // the timer of a press that waits until the values are through, and its button
  group.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || button === passing) return;
    const late = event.isTrusted && button.matches(".conc-lab-default") && performance.now() - turned < MEANT_BEFORE;
    const counts = press(button.textContent.trim(), late || event.detail > 1);
    if (counts && (settled() || button.matches(".mod-danger"))) return;
    event.stopPropagation();
    if (!counts) return;
    clearInterval(waiting);
    waiting = setInterval(() => {
      if (!settled()) return;
      clearInterval(waiting);
      passing = button;
      button.click();
      passing = null;
    }, 10);
  }, capture);
  mend();
  return () => { observer.disconnect(); leaving.abort(); clearInterval(waiting); };
}

function render({ model, el }) {
  const line = document.createElement("div");
  line.setAttribute("role", "status");
  el.append(line);
  const say = (text, tone) => {
    line.className = `conc-lab-status conc-lab-${tone || "plain"}`;
    if (line.textContent !== text) line.textContent = text;
  };
  let asked = 0; // the timer of a press that the kernel has not answered
  const answer = () => {
    clearTimeout(asked);
    asked = 0;
    say(model.get("said"), model.get("tone"));
  };
  answer();
  model.on("change:said change:tone", answer);
  const press = (label, again) => { // whether the press counts
    const text = model.get("at_once")[label];
    if (!text) return true;
    if (asked || again) return false;
    say(text);
    asked = setTimeout(() => {
      asked = 0;
      say("The kernel has not answered yet. If it was restarted, run this cell again.", "warn");
    }, SILENT);
    return true;
  };

  let group = null, root = null, release = () => {};
  model.widget_manager.get_model(model.get("group")).then((found) => { root = found; });
  const waiting = new ResizeObserver(() => { // tells when the page has taken us in
    group ??= el.closest(".conc-lab-shell");
    if (!group) return;
    waiting.disconnect();
    release = keep(group, model.get("name"), press, () => !root || through(root));
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
