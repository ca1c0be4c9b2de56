/** Query parameters of `GET /items/history` beside the key, for the API and its client. Runs in a browser. */

export const HISTORY_OPTIONS = ['since', 'until', 'limit', 'cursor', 'images', 'member'] as const;
export type HistoryOption = (typeof HISTORY_OPTIONS)[number];

/**
 * The name of an option's parameter. Key attributes are named as they are: in a table whose key has an attribute of an
 * option's name, the option has a "$" before it.
 */
export function historyParameter(option: HistoryOption, keyNames: readonly string[]): string {
  let name: string = option;
  // A key has two attributes at most.
  while (keyNames.includes(name)) name = `$${name}`;
  return name;
}
