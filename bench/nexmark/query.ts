/*
 * Query: what a Nexmark query is to the benchmark, and the streams of one kind that queries begin
 * with.
 */
import type { DataStream } from "oxbow";
import type { Auction, Bid, NexmarkEvent, Person } from "./events.ts";

/** A query, its result, and how results are compared. */
export interface Query<R> {
  readonly title: string;
  build(events: DataStream<NexmarkEvent>): DataStream<R>;
  /** The fields of a result, as `reference.ts` has them. */
  fields(result: R): readonly (string | number)[];
}

/** Keeps the type of results. */
export function query<R>(definition: Query<R>): Query<R> {
  return definition;
}

export function isPerson(event: NexmarkEvent): event is Person {
  return event.kind === "person";
}

export function isAuction(event: NexmarkEvent): event is Auction {
  return event.kind === "auction";
}

export function isBid(event: NexmarkEvent): event is Bid {
  return event.kind === "bid";
}
