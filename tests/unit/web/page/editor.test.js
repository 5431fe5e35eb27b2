import assert from "node:assert/strict";
import test from "node:test";

import { Editor, History } from "../../../../client/web/page/editor.js";
import { keepDraft, restoreDraft, sameTurns, Saver } from "../../../../client/web/page/saving.js";

const TURNS = [{ start_s: 0, end_s: 2, speaker: "A", confidence: 0.5 }, { start_s: 3, end_s: 4, speaker: "B" }];

function withStorage() {
  const kept = new Map();
  globalThis.sessionStorage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, text) => kept.set(key, text),
    removeItem: (key) => kept.delete(key),
  };
  return kept;
}

test("history goes back and forth", () => {
  const history = new History(0);
  for (const number of [1, 2, 3]) history.record(`to ${number}`, number);

  assert.deepEqual([history.undo(), history.turns, history.undo(), history.turns], ["to 3", 2, "to 2", 1]);
  assert.deepEqual([history.redo(), history.turns, history.canUndo, history.canRedo], ["to 2", 2, "to 2", "to 3"]);
  history.record("to 9", 9);
  assert.deepEqual([history.redo(), history.turns], [null, 9]);
});

test("a long history is kept as text without its oldest steps", () => {
  const history = new History([]);
  for (let n = 0; n < 100; n++) history.record(`step ${n}`, [n]);

  const short = History.fromText(history.asText(1000));

  assert.equal(History.fromText(history.asText(100_000)).past.length, 100);
  assert.ok(short.past.length < 50);
  assert.deepEqual([short.undo(), short.turns], ["step 99", [98]]);
  assert.equal(history.asText(3), null);
});

test("an editor reports corrections, and refuses invalid ones with a sentence", () => {
  const editor = new Editor(restoreDraft("job", TURNS).history, 10);
  const heard = [];
  for (const name of ["changed", "refused", "chosen"]) editor.addEventListener(name, ({ detail }) => heard.push([name, detail?.label ?? detail?.about]));

  assert.ok(editor.rename("A", "Ana"));
  assert.ok(!editor.rename("Ana", "B"));
  editor.choose(1);
  assert.ok(editor.split(3.5));
  assert.ok(!editor.split(9));
  editor.undo();
  editor.undo();

  assert.deepEqual(heard, [
    ["changed", "Done: rename A"],
    ["refused", "speakers"],
    ["chosen", undefined],
    ["changed", "Done: split a turn"],
    ["refused", "turn"],
    ["changed", "Undone: split a turn"],
    ["changed", "Undone: rename A"],
  ]);
  assert.ok(sameTurns(editor.turns, TURNS));
});

test("a correction that changes nothing is no step", () => {
  const editor = new Editor(restoreDraft("job", TURNS).history, 10);

  assert.ok(editor.rename("A", " A "));
  assert.equal(editor.history.canUndo, null);
});

test("a draft outlives a reload, and one that is not saved wins over the service", () => {
  withStorage();
  const { history } = restoreDraft("job", TURNS);
  history.record("delete a turn", [history.turns[0]]);

  keepDraft("job", history, false);
  const unsaved = restoreDraft("job", TURNS);
  keepDraft("job", history, true);
  const outdated = restoreDraft("job", TURNS);
  const saved = restoreDraft("job", [TURNS[0]]);

  assert.deepEqual([unsaved.isUnsaved, unsaved.history.turns.length, unsaved.history.canUndo], [true, 1, "delete a turn"]);
  assert.deepEqual([outdated.isUnsaved, outdated.history.turns.length, outdated.history.canUndo], [false, 2, null]);
  assert.deepEqual([saved.isUnsaved, saved.history.canUndo], [false, "delete a turn"]);
});

test("a draft that does not fit is dropped, since an older one would be wrong", () => {
  const kept = withStorage();
  const { history } = restoreDraft("job", TURNS);
  keepDraft("job", history, true);
  assert.equal(kept.size, 1);

  globalThis.sessionStorage.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  keepDraft("job", history, true);

  assert.equal(kept.size, 0);
});

test("turns are compared without keys and order", () => {
  assert.ok(sameTurns(TURNS, [{ ...TURNS[1], key: 7 }, TURNS[0]]));
  assert.ok(!sameTurns(TURNS, [TURNS[0], { ...TURNS[1], end_s: 4.1 }]));
});

test("the saver sends one list at a time, and the latest last", async () => {
  Object.assign(globalThis, { addEventListener: () => {}, removeEventListener: () => {} });
  const sent = [];
  const answers = [];
  const saver = new Saver((turns) => {
    sent.push(turns);
    return new Promise((resolve) => answers.push(resolve));
  });
  saver.save([1]);
  const flushed = saver.flush();
  saver.save([2]);
  saver.save([3]);
  assert.deepEqual(sent, [[1]]);

  answers[0]();
  await new Promise(setImmediate);
  answers[1]();

  assert.equal(await flushed, true);
  assert.deepEqual(sent, [[1], [3]]);
  assert.ok(saver.isSaved);
  saver.destroy();
});
