/**
 * addLookup: the node of a look-up in the graph, with the checks that need the stream it stands on.
 */
import { checkLookup, createLookup } from "../operators/lookup.ts";
import type { AnyLookupOptions, AnyLookupProcess } from "../operators/lookup.ts";
import { checkFunction, declaredField, draftNode, edgesFrom, optionsOf } from "./stream-base.ts";
import type { OperatorOptions, StreamPlace } from "./stream-base.ts";

/** Index of the new node. GRAPH_INVALID for options and tables that make no sense. */
export function addLookup(
  place: StreamPlace<unknown>,
  uid: string,
  of: {
    readonly options: AnyLookupOptions & Omit<OperatorOptions, "uid">;
    readonly fn: AnyLookupProcess;
  },
): number {
  const { fn } = of;
  const { parallelism, ...options } = optionsOf(of.options);
  checkLookup(uid, options);
  checkFunction(`lookup("${uid}")`, fn);
  if (typeof options.on === "string") declaredField(place, options.on, `lookup("${uid}")`);
  return place.builder.add(
    draftNode({
      uid,
      kind: "lookup",
      parallelism,
      inputs: edgesFrom(place, 0),
      detail: `${nameOf(options.key)} = ${nameOf(options.on)}`,
      body: { kind: "operator", create: (context) => createLookup(context, options, fn) },
    }),
  );
}

function nameOf(by: AnyLookupOptions["key"]): string {
  return typeof by === "string" ? by : "function";
}
