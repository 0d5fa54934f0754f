/*
 * Operator ids: how an operator's uid becomes the id under which snapshots keep its state. Equal to
 * Flink's StreamGraphHasherV2.generateUserSpecifiedHash, so ids are the same in both runtimes.
 */
import { murmur3_128 } from "./murmur3.ts";

/** 32 lower-case hex digits: murmur3_128, seed 0, of the uid's UTF-8 bytes. */
export function operatorId(uid: string): string {
  return Buffer.from(murmur3_128(Buffer.from(uid, "utf8"))).toString("hex");
}
