// Keys for corrections, beside the viewer's own.

/** Let keys correct; returns a function that ends it. `isElsewhere` comes with the viewer's keys. */
export function listenToEditKeys(editor, playhead) {
  const actions = {
    s: () => editor.split(playhead()),
    n: () => editor.add(playhead()),
    Delete: () => editor.turn && editor.remove(),
  };
  const pressed = (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const isCommand = event.ctrlKey || event.metaKey;
    if (event.defaultPrevented || event.altKey) return;
    if (isCommand ? isTyping(event.target) : isElsewhere(event)) return;
    if (isCommand ? undoOrRedo(editor, key, event.shiftKey) : act(actions, key)) event.preventDefault();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

/** Whether there is a text that is not finished, which the browser's own undo is for. */
function isTyping(target) {
  return target instanceof HTMLInputElement && target.value !== target.defaultValue;
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
