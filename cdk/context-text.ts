import { SetPropsError } from './set.ts';

/** The value of a setting as a text; undefined when it is not set, or empty. */
export type Text = (name: string, otherwise?: string) => string | undefined;

/** A setting that is a JSON object. @param like what it looks like, for the message. @throws SetPropsError */
export function jsonObject(name: string, value: string, like: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Readonly<Record<string, unknown>>;
  } catch {
    // Said below, as for any other text that is no object.
  }
  throw new SetPropsError(`-c ${name} must be a JSON object like ${like}; got ${JSON.stringify(value)}.`);
}
