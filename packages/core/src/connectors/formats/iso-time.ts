/*
 * Points in time as text, ISO 8601: `2001-01-01`, `2001-01-01T12:30:00.5Z`, `… 12:30+02:00`.
 *
 * Text without a zone is UTC. (`Date.parse` takes it as local time, so that a job's results would
 * hang on the machine's setting.) Digits beyond ms are cut off. Years 0000 to 9999.
 */

const DAY = String.raw`(\d{4})-(\d\d)-(\d\d)`;
const TIME_OF_DAY = String.raw`(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?`;
const ZONE = String.raw`(?:[Zz]|([+-])(\d\d):?(\d\d))?`;
const ISO_TIME = new RegExp(`^${DAY}(?:[Tt ]${TIME_OF_DAY}${ZONE})?$`);

/** Ms since the epoch; undefined where the text is no point in time. */
export function parseIsoTime(text: string): number | undefined {
  const parts = ISO_TIME.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, sign, zoneHour, zoneMinute] = parts;
  const hours = Number(hour ?? 0);
  const minutes = Number(minute ?? 0);
  const seconds = Number(second ?? 0);
  const dayMs = dayOf(Number(year), Number(month), Number(day));
  if (dayMs === undefined || hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const ms = fraction === undefined ? 0 : Number(fraction.padEnd(3, "0").slice(0, 3));
  const time = dayMs + ((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms;
  if (sign === undefined) return time;
  const offset = Number(zoneHour) * 60 + Number(zoneMinute);
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return undefined;
  return sign === "+" ? time - offset * 60_000 : time + offset * 60_000;
}

function dayOf(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isSame = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isSame ? date.getTime() : undefined;
}
