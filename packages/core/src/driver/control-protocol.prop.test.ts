/* Lines come out as they went in, however the text was cut on its way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LineSplitter } from "./control-protocol.ts";

test("any cut of a text gives its lines", () => {
  const line = fc.string({ unit: fc.constantFrom("a", "é", "😀", " ", "{"), maxLength: 20 });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), fc.array(fc.nat(200)), (lines, cuts) => {
      const text = lines.map((one) => `${one}\n`).join("");
      const at = [0, ...cuts.filter((cut) => cut < text.length).toSorted((a, b) => a - b)];
      const splitter = new LineSplitter(40);
      const found = at.flatMap((start, i) => [
        ...splitter.take(text.slice(start, at[i + 1] ?? text.length)),
      ]);
      assert.deepEqual(found, lines);
    }),
  );
});

test("a line over the limit is refused as soon as it is over it, whether it ends or not", () => {
  for (const text of ["12345", "1234\n12345", "12345\n"]) {
    assert.throws(() => [...new LineSplitter(4).take(text)], { code: "INVALID_ARGUMENT" });
  }
  const splitter = new LineSplitter(4);
  assert.deepEqual([...splitter.take("12")], []);
  assert.throws(() => [...splitter.take("345")], { code: "INVALID_ARGUMENT" });
});
