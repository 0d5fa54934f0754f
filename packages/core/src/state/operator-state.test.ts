import assert from "node:assert/strict";
import { test } from "node:test";
import { t } from "../types/t.ts";
import { CHANGES, REFUSED } from "../types/evolution-rules.fixture.ts";
import {
  OperatorStateBackend,
  type OperatorStateDescriptors,
  operatorListState,
  unionListState,
} from "./operator-state.ts";

function backendOf(
  lists: OperatorStateDescriptors,
): OperatorStateBackend<OperatorStateDescriptors> {
  return new OperatorStateBackend("op", lists);
}

/** What a list held, as a snapshot has it. */
function stored(lists: OperatorStateDescriptors, values: readonly unknown[]) {
  const backend = backendOf(lists);
  for (const list of Object.values(backend.handles)) list.addAll(values);
  return backend.snapshot();
}

for (const [what, before, after, , old, now] of CHANGES) {
  test(`operator lists: ${what}`, () => {
    for (const make of [operatorListState, unionListState]) {
      const backend = backendOf({ list: make<unknown>(after) });
      backend.restore(stored({ list: make<unknown>(before) }, [old, old]));
      assert.deepStrictEqual(backend.handles.list.get(), [now, now]);
    }
  });
}

for (const [what, before, after, path] of REFUSED) {
  test(`operator lists: ${what} is refused, with state and path`, () => {
    const backend = backendOf({ list: operatorListState<unknown>(after) });
    const parts = stored({ list: operatorListState<unknown>(before) }, []);
    assert.throws(
      () => backend.restore(parts),
      (error: Error) => {
        const { code, details } = error as Error & { code: string; details: { path: string } };
        assert.deepEqual([code, details.path], ["STATE_MISMATCH", path]);
        return true;
      },
    );
  });
}

test("a list keeps its mode, and its elements go through migrate where the version differs", () => {
  const parts = stored({ list: operatorListState(t.string, { version: 1 }) }, ["1", "2"]);
  assert.equal(parts[0].version, 1);
  const union = backendOf({ list: unionListState(t.string, { version: 1 }) });
  assert.throws(() => union.restore(parts), /operator-list string, now .* operator-union string/);
  const migrate = (old: unknown, from: number): number => Number(old) * 10 + from;
  const numbers = backendOf({ list: operatorListState(t.int32, { version: 2, migrate }) });
  numbers.restore(parts);
  assert.deepEqual(numbers.handles.list.get(), [11, 21]);
  const failing = (): number => {
    throw new Error("no");
  };
  const failed = backendOf({ list: operatorListState(t.int32, { version: 2, migrate: failing }) });
  assert.throws(() => failed.restore(parts), {
    code: "USER_FUNCTION_FAILED",
    message: /migrate function of state "list" of "op" threw, for a value of version 1: Error: no/,
  });
});

test("a renamed list is found by its alias, and parts of one list are put together", () => {
  const parts = stored({ old: operatorListState(t.int32) }, [1, 2]);
  const backend = backendOf({ now: operatorListState(t.int64, { aliases: ["older", "old"] }) });
  backend.restore([...parts, ...parts]);
  assert.deepEqual(backend.handles.now.get(), [1, 2, 1, 2]);
  backend.restore(parts);
  assert.deepEqual(backend.handles.now.get(), [1, 2]);
});

test("a list that is gone is refused, unless it is empty or may be dropped", () => {
  const parts = stored({ gone: operatorListState(t.int32) }, [1]);
  const backend = backendOf({ kept: operatorListState(t.int32) });
  assert.throws(() => backend.restore(parts), {
    code: "STATE_MISMATCH",
    message: /operator state "gone" of "op" \(1 elements\), which .* does not declare any more/,
  });
  backend.restore(parts, new Set(["gone"]));
  backend.restore(parts, "all");
  backend.restore(stored({ gone: operatorListState(t.int32) }, []));
  assert.deepEqual(backend.handles.kept.get(), []);
});

test("aliases that clash are refused", () => {
  const lists = {
    a: operatorListState(t.int32, { aliases: ["b"] }),
    b: operatorListState(t.int32),
  };
  assert.throws(() => backendOf(lists), /state "a" has the alias "b", which is a declared state/);
});

test("an element that is not of its type is told with operator and state", () => {
  const backend = backendOf({ seen: operatorListState(t.struct({ count: t.int32 })) });
  backend.handles["seen"].add({ count: 1.5 });
  assert.throws(() => backend.snapshot(), {
    code: "VALUE_TYPE_MISMATCH",
    message:
      'Operator "op", in its state "seen": A value\'s field count is declared as int32, but is ' +
      "the number 1.5.",
  });
});
