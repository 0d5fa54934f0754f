/** Tools for testing jobs and operators. */
export { fromWire, toWire } from "./errors.ts";
export type { WireError } from "./errors.ts";

// Conformance of connectors.
export { nodeEnv } from "./env/node-env.ts";
export { sinkChecks } from "./connectors/sink-conformance.ts";
export type { SinkSetup, SinkUnderTest } from "./connectors/sink-conformance.ts";
export { newLedger, SinkHarness, writeAll } from "./connectors/sink-harness.ts";
export type {
  SinkHarnessOptions,
  SinkJob,
  SinkLedger,
  SinkPhase,
} from "./connectors/sink-harness.ts";
export { assertSame, sourceChecks } from "./connectors/source-conformance.ts";
export type {
  ConformanceCheck,
  SourceSetup,
  SourceUnderTest,
} from "./connectors/source-conformance.ts";
export { SourceHarness } from "./connectors/source-harness.ts";
export type {
  HarnessRecord,
  SourceHarnessOptions,
  SourceSnapshot,
} from "./connectors/source-harness.ts";

// Operators in every mode.
export { verifyOperator } from "./testing/operator-harness.ts";
export type { OperatorCase, VerifiedOutput } from "./testing/operator-harness.ts";
export { step } from "./testing/operator-harness-input.ts";
export type { OperatorStep } from "./testing/operator-harness-input.ts";
