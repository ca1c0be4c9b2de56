import { InputError } from '../lib/core/errors.ts';
import type { ItemCondition } from '../lib/core/expression/condition.ts';
import { holds } from '../lib/core/expression/condition.ts';
import type { LogRecord, Origin } from '../lib/core/formats/log-record.ts';
import { ORIGINS } from '../lib/core/formats/log-record.ts';
import { readCondition, readJson } from '../lib/serve/body.ts';
import { CliError } from './errors.ts';

/** Which changes of a log a person wants. Pure. */

/**
 * Reads a condition as `query --filter` takes it: {"path":"population","op":">","value":1000}, in plain JSON.
 *
 * @param option for messages.
 * @throws CliError (usage) "bad-json" or "bad-filter"
 */
export function readFilter(text: string, option: string): ItemCondition {
  try {
    return readCondition(readJson(text, 'plain'), 'plain', option);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const example = `Example: ${option} '{"path":"population","op":">","value":1000}'`;
    if (error.code === 'malformed-json') throw new CliError('usage', 'bad-json', `${option} is not JSON. Text needs its quotes: "text". ${example}`);
    // Most messages say where in the option it is.
    throw new CliError('usage', 'bad-filter', `${error.message.includes(option) ? '' : `${option}: `}${error.message} ${example}`);
  }
}

/** Reads origins, separated by commas. @throws CliError (usage) "bad-origin" */
export function readOrigins(text: string): ReadonlySet<Origin> {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !(ORIGINS as readonly string[]).includes(name));
  if (wrong !== undefined)
    throw new CliError('usage', 'bad-origin', `--origin takes ${ORIGINS.join(', ')}, separated by commas; got ${JSON.stringify(wrong)}.`);
  return new Set(names as Origin[]);
}

/** What is asked of a change. */
export interface Wanted {
  readonly filter?: ItemCondition;
  readonly origins?: ReadonlySet<Origin>;
}

/** Whether a change is wanted: its origin, and the condition on the item as it was left; of a removal, as it was before. */
export const isWanted = (record: LogRecord, { filter, origins }: Wanted): boolean =>
  (origins === undefined || origins.has(record.origin)) && (filter === undefined || holds(filter, record.newImage ?? record.oldImage));
