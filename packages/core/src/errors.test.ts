import assert from "node:assert/strict";
import { test } from "node:test";
import { assert as assertInvariant } from "./assert.ts";
import type { WireError } from "./errors.ts";
import { ERRORS, MAX_CAUSES, errorCode, fromWire, oxbowError, toWire } from "./errors.ts";

test("an error carries code, kind, details and cause", () => {
  const cause = new TypeError("below");
  const error = oxbowError("INVALID_ARGUMENT", "parallelism is 0", { parallelism: 0 }, cause);
  assert.equal(error.code, "INVALID_ARGUMENT");
  assert.equal(error.kind, ERRORS.INVALID_ARGUMENT.kind);
  assert.deepEqual(error.details, { parallelism: 0 });
  assert.equal(error.cause, cause);
  assert.match(String(error), /^OxbowError: parallelism is 0$/);
});

test("an error crosses structured clone and JSON with code, stack and the chain of causes", () => {
  const root = new RangeError("root");
  const middle = oxbowError("INVALID_ARGUMENT", "middle", { bytes: 3n, rate: Infinity }, root);
  const error = oxbowError("INTERNAL_INVARIANT", "top", {}, middle);
  const json = JSON.parse(JSON.stringify(toWire(error))) as WireError;
  for (const wire of [structuredClone(toWire(error)), json]) {
    const back = fromWire(wire);
    assert.equal(back.code, "INTERNAL_INVARIANT");
    assert.equal(back.stack, error.stack);
    const backMiddle = back.cause;
    assert.equal(errorCode(backMiddle), "INVALID_ARGUMENT");
    assert.ok(backMiddle instanceof Error);
    assert.deepEqual((backMiddle as typeof error).details, { bytes: "3", rate: "Infinity" });
    const backRoot = backMiddle.cause;
    assert.ok(backRoot instanceof Error);
    assert.equal(backRoot.name, "RangeError");
    assert.equal(backRoot.message, "root");
    assert.equal(backRoot.stack, root.stack);
    assert.equal(errorCode(backRoot), "UNEXPECTED");
  }
});

test("anything that can be thrown has a wire form", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  const withCycle = oxbowError("INVALID_ARGUMENT", "cyclic", cyclic);
  for (const thrown of [
    undefined,
    null,
    7,
    "text",
    Symbol("s"),
    {},
    Object.create(null),
    withCycle,
  ]) {
    const wire = structuredClone(toWire(thrown));
    assert.ok(fromWire(wire) instanceof Error);
  }
  assert.equal(toWire("text").message, "text");
});

test("a cycle of causes is cut at the bound", () => {
  const error = new Error("again");
  error.cause = error;
  let depth = 1;
  for (let wire = toWire(error); wire.cause !== undefined; wire = wire.cause) depth++;
  assert.equal(depth, MAX_CAUSES);
});

test("a code of another version arrives as UNEXPECTED with its own code in the details", () => {
  const wire = { ...toWire(oxbowError("UNEXPECTED", "m")), code: "NOT_KNOWN_HERE" };
  const back = fromWire(wire);
  assert.equal(back.code, "UNEXPECTED");
  assert.equal(back.details["code"], "NOT_KNOWN_HERE");
});

test("a broken invariant throws INTERNAL_INVARIANT; its message is built only then", () => {
  let built = 0;
  const message = (): string => {
    built++;
    return "slots do not add up";
  };
  assertInvariant(true, message);
  assert.equal(built, 0);
  assert.throws(() => assertInvariant(false, message), {
    code: "INTERNAL_INVARIANT",
    message: "slots do not add up",
  });
  assert.equal(built, 1);
});
