export default { render({ model, el }) { el.textContent = model.get("tracks").map((track) => track.title).join(", "); } };
