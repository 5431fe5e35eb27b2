// Keys for corrections, beside the viewer's own.

/** Let keys correct; returns a function that ends it. `isElsewhere` comes with the viewer's keys. */
export function listenToEditKeys(editor, playhead) {
  const actions = {
    s: () => editor.split(playhead()),
    n: () => editor.add(playhead()),
    Delete: () => editor.turn && editor.remove(),
  };
  const pressed = (event) => {
    if (event.defaultPrevented || event.altKey || isElsewhere(event)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const isCommand = event.ctrlKey || event.metaKey;
    if (isCommand ? undoOrRedo(editor, key, event.shiftKey) : act(actions, key)) event.preventDefault();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

function undoOrRedo(editor, key, isShifted) {
  if (key === "y" || (key === "z" && isShifted)) editor.redo();
  else if (key === "z") editor.undo();
  else return false;
  return true;
}

function act(actions, key) {
  if (!Object.hasOwn(actions, key)) return false;
  actions[key]();
  return true;
}
