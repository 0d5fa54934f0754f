import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Arena, CLASS_BYTES, CLASS_BYTES_MAX, classOf, offsetOf, slabOf } from "./arena.ts";

const SEED = process.env["OXBOW_SEED"];
const PARAMETERS = SEED === undefined ? {} : { seed: Number(SEED) };

interface Value {
  ref: number;
  readonly size: number;
  readonly fill: number;
}

function write(arena: Arena, { ref, size, fill }: Value): void {
  const at = offsetOf(ref);
  if (size > 0) arena.slabs[slabOf(ref)].fill(fill, at, at + size);
}

function check(arena: Arena, { ref, size, fill }: Value): void {
  if (size === 0) return;
  const at = offsetOf(ref);
  const bytes = arena.slabs[slabOf(ref)].subarray(at, at + size);
  assert.equal(bytes.length, size);
  assert.ok(bytes.every((byte) => byte === fill));
}

test("values keep their bytes while others come, go and are moved", () => {
  const size = fc.oneof(
    { weight: 8, arbitrary: fc.nat(200) },
    { weight: 2, arbitrary: fc.nat(5000) },
    { weight: 1, arbitrary: fc.integer({ min: CLASS_BYTES_MAX - 2, max: CLASS_BYTES_MAX + 9 }) },
  );
  const command = fc.record({
    do: fc.constantFrom("add", "add", "add", "remove", "evacuate"),
    row: fc.integer({ min: 1, max: 40 }),
    size,
    fill: fc.nat(255),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200, size: "max" }), (commands) => {
      const arena = new Arena();
      const values = new Map<number, Value>();
      for (const step of commands) {
        const known = values.get(step.row);
        if (step.do === "evacuate") {
          arena.evacuate(step.size, (row, from, to) => {
            const value = values.get(row);
            assert.equal(value?.ref, from);
            if (value !== undefined) value.ref = to;
          });
        } else {
          if (known !== undefined) arena.free(known.ref, known.size);
          values.delete(step.row);
          if (step.do === "add") {
            const ref = arena.allocate(step.size, step.row);
            const value = { ref, size: step.size, fill: step.fill };
            values.set(step.row, value);
            write(arena, value);
          }
        }
        for (const value of values.values()) check(arena, value);
      }
    }),
    PARAMETERS,
  );
});

test("every size has the smallest class that holds it", () => {
  for (let size = 1; size <= CLASS_BYTES_MAX; size++) {
    const index = classOf(size);
    assert.ok(CLASS_BYTES[index] >= size);
    assert.ok(index === 0 || CLASS_BYTES[index - 1] < size);
  }
});

test("after most values have gone, evacuation gives their memory back", () => {
  const arena = new Arena();
  const refs = new Map<number, number>();
  for (let row = 1; row <= 20000; row++) refs.set(row, arena.allocate(100, row));
  const full = arena.sizeBytes;
  for (const [row, ref] of refs) {
    if (row % 20 === 0) continue;
    arena.free(ref, 100);
    refs.delete(row);
  }
  const onMove = (row: number, from: number, to: number): void => {
    assert.equal(refs.get(row), from);
    refs.set(row, to);
  };
  let calls = 0;
  while (arena.evacuate(64, onMove)) calls += 1;
  assert.ok(calls > 10, "it went in bounded steps");
  assert.ok(arena.sizeBytes < full / 3, `${arena.sizeBytes} of ${full} bytes`);
  for (const [row, ref] of refs) arena.free(ref, row === 0 ? 0 : 100);
});
