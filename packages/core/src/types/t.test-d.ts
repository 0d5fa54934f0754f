/*
 * Type tests: compiled, never run. A wrong inference is a compile error here.
 */
import { t } from "./t.ts";
import type { Infer } from "./type.ts";

type Equal<A, B> =
  (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
function expect<_T extends true>(): void {}

expect<Equal<Infer<typeof t.bool>, boolean>>();
expect<Equal<Infer<typeof t.int64>, number>>();
expect<Equal<Infer<typeof t.bigint64>, bigint>>();
expect<Equal<Infer<typeof t.bytes>, Uint8Array>>();
expect<Equal<Infer<typeof t.any>, unknown>>();

const color = t.enum("red", "green");
expect<Equal<Infer<typeof color>, "red" | "green">>();

const maybe = t.optional(t.int32);
expect<Equal<Infer<typeof maybe>, number | undefined>>();

const list = t.list(t.string);
expect<Equal<Infer<typeof list>, readonly string[]>>();

const map = t.map(t.string, t.int32);
expect<Equal<Infer<typeof map>, ReadonlyMap<string, number>>>();

const flight = t.struct({
  origin: t.string,
  delay: t.optional(t.int32),
  extra: t.any,
  stops: t.list(t.struct({ code: t.string })),
});
type Flight = Infer<typeof flight>;
expect<
  Equal<
    Flight,
    {
      origin: string;
      extra: unknown;
      stops: readonly { code: string }[];
      delay?: number | undefined;
    }
  >
>();
// Optional fields may be left out; others may not.
const good: Flight = { origin: "JFK", extra: 1, stops: [] };
// @ts-expect-error: `origin` is required.
const bad: Flight = { extra: 1, stops: [] };
void [good, bad];

const event = t.union("kind", { click: { x: t.int32 }, key: { code: t.optional(t.string) } });
expect<
  Equal<
    Infer<typeof event>,
    { kind: "click"; x: number } | { kind: "key"; code?: string | undefined }
  >
>();

const counter = t.withDefault(t.int32, 0);
expect<Equal<Infer<typeof counter>, number>>();
// @ts-expect-error: the default must be of the type.
t.withDefault(t.int32, "0");
// @ts-expect-error: an object cannot be the key of a map.
t.map(flight, t.int32);

const renamed = t.struct({
  origin: t.renamed("from", t.string),
  delay: t.renamed(["late", "lateness"], t.optional(t.int32)),
  extra: t.renamed("more", t.any),
  count: t.renamed("n", t.withDefault(t.int32, 0)),
});
expect<
  Equal<
    Infer<typeof renamed>,
    { origin: string; extra: unknown; count: number; delay?: number | undefined }
  >
>();
