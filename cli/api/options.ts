import type { Command } from 'commander';
import { Option } from 'commander';
import type { AttributeValue, Key } from '../../lib/core/attribute.ts';
import type { KeyAttribute, KeySchema } from '../../lib/core/key.ts';
import { keyAttributes } from '../../lib/core/key.ts';
import { CliError } from '../errors.ts';
import { base64 } from '../keys.ts';
import type { RunNeeds } from '../program.ts';
import type { ApiAnswer, ApiChoice } from './client.ts';
import type { Exact } from './exact-json.ts';
import { exactNumber, parseExact } from './exact-json.ts';

/** What get, put, patch, delete, query and count have in common. */

/** Plain JSON, or DynamoDB's. */
export type Form = 'plain' | 'dynamodb';

/** Content types of the two forms. */
export const CONTENT_TYPE: Readonly<Record<Form, string>> = { plain: 'application/json', dynamodb: 'application/x-amz-json-1.0' };

export interface ItemOptions extends ApiChoice {
  readonly form: Form;
}

/** Adds the options of all item commands. */
export const itemOptions = (command: Command): Command =>
  command
    .addOption(new Option('--form <form>', 'JSON form of items and values').choices(['plain', 'dynamodb']).default('plain'))
    .option('--member <name>', 'ask this member (default: the nearest healthy one)')
    .option('--url <url>', 'URL of an API with its stage, in place of looking it up')
    .option('--token <token>', 'bearer token (default: SYNCLINE_TOKEN; without one, AWS credentials sign)');

/** An API that is named by its URL needs no account: nothing else is asked. */
export const needsOf = (own: ApiChoice): RunNeeds => (own.url === undefined ? {} : { account: 'not needed' });

/** A key as query parameters. Pure. */
export function keyQuery(key: Key, schema: KeySchema): string {
  const text = (value: AttributeValue | undefined, type: 'S' | 'N' | 'B'): string => {
    const raw = (value as Record<string, string> | undefined)?.[type] ?? '';
    return type === 'B' ? raw.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '') : raw;
  };
  return keyAttributes(schema)
    .map(({ name, type }) => `${encodeURIComponent(name)}=${encodeURIComponent(text(key[name], type))}`)
    .join('&');
}

/** A JSON text that a person gave. @throws CliError (usage) */
export function jsonInput(text: string, what: string): Exact {
  try {
    return parseExact(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError('usage', 'bad-json', `${what} is not JSON: ${why}. Text needs its quotes: '"text"'.`);
  }
}

/** A value of a key attribute in a body. @throws CliError, InputError (usage) for what is no number, or no base64. */
export function keyValue(text: string, { name, type }: KeyAttribute, form: Form): Exact {
  const value = type === 'B' ? base64(name, text) : text;
  if (form === 'dynamodb') return { [type]: value };
  if (type === 'S') return value;
  if (type === 'B') return { $binary: value };
  try {
    return exactNumber(text);
  } catch {
    throw new CliError('usage', 'bad-number', `A number was expected; got ${JSON.stringify(text)}.`);
  }
}

/** The facts of an answer that documents show beside the item. */
export function answerFacts(answer: ApiAnswer): { etag?: string; revision?: string; consistency?: string; member: string } {
  const header = (name: string): string | undefined => answer.headers.get(name) ?? undefined;
  const etag = header('etag');
  const revision = header('syncline-revision');
  const consistency = header('syncline-consistency');
  return {
    ...(etag !== undefined && { etag }),
    ...(revision !== undefined && { revision }),
    ...(consistency !== undefined && { consistency }),
    member: answer.member,
  };
}

/** The same for a person, on one line. */
export function factsLine(answer: ApiAnswer): string {
  const { etag, revision, consistency, member } = answerFacts(answer);
  return [
    ...(etag === undefined ? [] : [`etag ${etag}`]),
    ...(revision === undefined ? [] : [`revision ${revision}`]),
    `answered by ${member}${consistency === undefined ? '' : ` (${consistency})`}`,
  ].join(' · ');
}
