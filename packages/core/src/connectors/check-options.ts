/*
 * check-options: what all connectors refuse alike: options that do not exist, values that are not
 * among the known ones, and what is no format.
 */
import { oxbowError } from "../errors.ts";
import { show } from "../types/codec.ts";
import { unknownOption } from "../types/known-options.ts";

/** CONNECTOR_INVALID; `connector` is for the message: `Source files`. */
export function checkOptions(connector: string, options: object, known: readonly string[]): void {
  const problem = unknownOption(options, known);
  if (problem !== undefined) throw connectorInvalid(connector, ` ${problem}`);
}

/** CONNECTOR_INVALID unless `value` is one of `choices`. */
export function checkChoice(
  connector: string,
  setting: string,
  value: unknown,
  choices: readonly string[],
): void {
  if (choices.includes(value as string)) return;
  const reason = `${setting} must be one of ${choices.join(", ")}, but is ${show(value)}`;
  throw connectorInvalid(connector, `: ${reason}.`);
}

/** CONNECTOR_INVALID unless it is a format. */
export function checkFormat(connector: string, format: unknown): void {
  const { kind } = (format ?? {}) as { readonly kind?: unknown };
  if (kind === "format") return;
  const reason = ` needs a format, such as json() or csv(), but is given ${show(format)}.`;
  throw connectorInvalid(connector, reason);
}

function connectorInvalid(connector: string, reason: string): Error {
  return oxbowError("CONNECTOR_INVALID", `${connector}${reason}`, { connector });
}
