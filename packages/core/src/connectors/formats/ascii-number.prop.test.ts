import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDecimal, parseInteger } from "./ascii-number.ts";
import { parseIsoTime } from "./iso-time.ts";

const SEED = Number(process.env["SEED"] ?? 4);

const framed = (text: string): [Uint8Array, number, number] => {
  const bytes = Buffer.from(`9.${text}-7`);
  return [bytes, 2, bytes.length - 2];
};

test("integers from bytes are those of Number, or NaN where the form is not plain", () => {
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeInteger().map(String), fc.string({ maxLength: 6 })), (text) => {
      const value = parseInteger(...framed(text));
      if (/^-?\d{1,15}$/.test(text)) assert.equal(value, Number(text) + 0);
      else assert.ok(Number.isNaN(value));
    }),
    { seed: SEED, numRuns: 2_000 },
  );
});

test("decimals from bytes are correctly rounded, or NaN where the form is not plain", () => {
  const decimals = fc
    .tuple(fc.nat(), fc.nat({ max: 99_999_999 }), fc.boolean())
    .map(([whole, part, isNegative]) => `${isNegative ? "-" : ""}${whole}.${part}`);
  const anything = fc.string({
    unit: fc.constantFrom(..."0123456789.-e+".split("")),
    maxLength: 20,
  });
  fc.assert(
    fc.property(fc.oneof(decimals, anything, fc.double().map(String)), (text) => {
      const value = parseDecimal(...framed(text));
      const digits = text.replaceAll(/[-.]/g, "").length;
      if (/^-?\d+(\.\d+)?$/.test(text) && digits <= 15)
        assert.ok(Object.is(value, Number(text)), text);
      else assert.ok(Number.isNaN(value), text);
    }),
    { seed: SEED, numRuns: 5_000 },
  );
});

test("times: what toISOString writes is read, without a zone as UTC, with one shifted", () => {
  const dates = fc.date({
    min: new Date("0000-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59.999Z"),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(dates, (date) => {
      const text = date.toISOString();
      assert.equal(parseIsoTime(text), date.getTime());
      assert.equal(parseIsoTime(text.slice(0, -1)), date.getTime());
      assert.equal(parseIsoTime(text.replace("Z", "+05:30")), date.getTime() - 19_800_000);
      assert.equal(parseIsoTime(text.slice(0, 10)), Math.floor(date.getTime() / 864e5) * 864e5);
    }),
    { seed: SEED },
  );
});

test("times that do not exist are refused", () => {
  const wrong = [
    "2001-02-29",
    "2001-13-01",
    "2001-00-10",
    "2001-01-01T24:00",
    "2001-01-01T10:60",
    "2001-01-01 10:00:00 CET",
    "01/02/2001",
    "",
    "2001-01-01T10:00:00+99:00",
  ];
  for (const text of wrong) assert.equal(parseIsoTime(text), undefined, text);
  assert.equal(parseIsoTime("2004-02-29 12:30"), Date.UTC(2004, 1, 29, 12, 30));
  assert.equal(parseIsoTime("2001-01-01T00:00:00.123456789Z"), 978_307_200_123);
});
