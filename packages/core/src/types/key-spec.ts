import type { Type } from "./type.ts";

/** How records are keyed; frozen. Read by `columns/key-extractor.ts`. */
export interface KeySpec {
  /** Name of a field, or a pure function of the record. */
  readonly by: string | ((record: never) => unknown);
  /** Declared type of the keys; undefined: inferred from the first key. */
  readonly type: Type<unknown> | undefined;
}
