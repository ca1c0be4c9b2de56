import type { Command } from 'commander';
import { openApi } from '../api/client.ts';
import type { Exact } from '../api/exact-json.ts';
import { exactNumber, parseExact } from '../api/exact-json.ts';
import type { Form, ItemOptions } from '../api/options.ts';
import { answerFacts, CONTENT_TYPE, factsLine, itemOptions, jsonInput, keyQuery, needsOf } from '../api/options.ts';
import { schemaOf } from '../api/schema.ts';
import { CliError, EXIT } from '../errors.ts';
import { readKey } from '../keys.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';

/** Operations that one patch may have; the API's limit. */
const OPERATIONS_MAX = 100;

/** One change as it stands on a command line. */
export interface PatchText {
  readonly op: 'set' | 'remove' | 'increment';
  readonly text: string;
}

const OPTIONS: Readonly<Record<string, PatchText['op']>> = { '--set': 'set', '--remove': 'remove', '--increment': 'increment' };

/** Whether a text of --set is an assignment. It is a global option, too: the set's name, which has no "=". */
export const isAssignment = (text: string): boolean => text.includes('=');

/**
 * The changes of a command line, in the order in which they stand there. Read from the arguments themselves: commander
 * reads global options, such as --set, before a command's own. Pure.
 */
export function patchTexts(args: readonly string[]): readonly PatchText[] {
  const found: PatchText[] = [];
  for (let i = 0; i < args.length && args[i] !== '--'; i += 1) {
    const arg = args[i] ?? '';
    const name = Object.keys(OPTIONS).find((o) => arg === o || arg.startsWith(`${o}=`));
    const op = name === undefined ? undefined : OPTIONS[name];
    if (name === undefined || op === undefined) continue;
    if (arg === name) i += 1;
    const text = arg === name ? (args[i] ?? '') : arg.slice(name.length + 1);
    if (op !== 'set' || isAssignment(text)) found.push({ op, text });
  }
  return found;
}

/** @throws CliError (usage) when an assignment was given to a command that is not "patch". */
export function refuseAssignments(command: string, texts: readonly PatchText[]): void {
  const [first] = texts.filter(({ op }) => op === 'set');
  if (command === 'patch' || first === undefined) return;
  throw new CliError('usage', 'bad-set', `--set: ${JSON.stringify(first.text)} is not the name of a set. Only "patch" takes --set PATH=JSON.`);
}

/** The operations as the API takes them. @throws CliError (usage) for none, too many, or one that cannot be read. */
function operationsOf(texts: readonly PatchText[], form: Form): Exact[] {
  if (texts.length === 0)
    throw new CliError('usage', 'no-operation', 'Say what to change: --set PATH=JSON, --remove PATH or --increment PATH=NUMBER; each may be repeated.');
  if (texts.length > OPERATIONS_MAX) throw new CliError('usage', 'too-many-operations', `At most ${OPERATIONS_MAX} changes at a time; got ${texts.length}.`);
  return texts.map(({ op, text }) => (op === 'remove' ? { op, path: text } : assignment(op, text, form)));
}

/** PATH=VALUE. The path ends at the first "=" outside quotes. */
function assignment(op: 'set' | 'increment', text: string, form: Form): Exact {
  const at = pathEnd(text);
  const [path, value] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1) throw new CliError('usage', 'bad-change', `--${op} takes PATH=${op === 'set' ? 'JSON' : 'NUMBER'}; got ${JSON.stringify(text)}.`);
  if (op === 'set') return { op, path, value: jsonInput(value, `The value of --set ${path}`) };
  try {
    return { op, path, value: form === 'plain' ? exactNumber(numberText(value)) : { N: numberText(value) } };
  } catch {
    throw new CliError('usage', 'bad-number', `--increment ${path}: a number was expected; got ${JSON.stringify(value)}.`);
  }
}

/** A number's text without a plus sign, which JSON does not have. @throws SyntaxError */
function numberText(text: string): string {
  const plain = text.trim().replace(/^\+/, '');
  if (!/^-?\d/.test(plain)) throw new SyntaxError('not a number');
  parseExact(plain);
  return plain;
}

/** Where a path ends: at the first "=" that is in no quoted name; -1 when there is none. Pure. */
export function pathEnd(text: string): number {
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    if (quoted && text[i] === '\\') i += 1;
    else if (text[i] === '"') quoted = !quoted;
    else if (text[i] === '=' && !quoted) return i;
  }
  return -1;
}

/** syncline patch KEY. @param texts the changes, from the arguments (`patchTexts`); the options below are there for the help. */
export function registerPatch(program: Command, run: Run, texts: readonly PatchText[]): void {
  itemOptions(program.command('patch'))
    .summary('change attributes of an item')
    .description(
      'Changes attributes of an item over the HTTP API, all of them or none, in the order given. It makes the item if there is none, unless --if forbids it.',
    )
    .argument('<key>', 'its key, as attr=value,attr=value or in DynamoDB JSON')
    .option('--set <path=json>', 'set an attribute; may be repeated')
    .option('--remove <path>', 'remove an attribute; may be repeated')
    .option('--increment <path=number>', 'add to a number; may be repeated')
    .option('--if <json>', 'only where this condition holds')
    .option('--if-match <tag>', 'only where the item has this tag')
    .addHelpText(
      'after',
      `
Examples:
  syncline patch country=DE,cityId=1 --set name='"Aachen"' --increment visits=1
  syncline patch country=DE,cityId=1 --remove old.note --set 'tags[0]="spa"'
  syncline patch country=DE,cityId=1 --increment stock=-1 --if '{"path":"stock","op":">","value":0}'`,
    )
    .action((key: string, own: PatchOptions, command: Command) => run(command, (s) => patch(s, key, own, texts), needsOf(own)));
}

interface PatchOptions extends ItemOptions {
  readonly if?: string;
  readonly ifMatch?: string;
}

async function patch(session: Session, text: string, own: PatchOptions, texts: readonly PatchText[]): Promise<number> {
  const { out, runtime } = session;
  const body = JSON.stringify({ operations: operationsOf(texts, own.form), ...(own.if !== undefined && { if: jsonInput(own.if, '--if') }) });
  const api = await openApi(session, own);
  const schema = await schemaOf(session, api, own);
  const headers = {
    'content-type': CONTENT_TYPE[own.form],
    accept: CONTENT_TYPE[own.form],
    'idempotency-key': runtime.chance.nonce(),
    ...(own.ifMatch !== undefined && { 'if-match': own.ifMatch }),
  };
  const answer = await api.send({ method: 'PATCH', path: '/items', query: keyQuery(readKey(text, schema), schema), headers, body });
  const done = answer.status === 201 ? 'created' : 'changed';
  const item = answer.text === '' ? undefined : parseExact(answer.text);
  out.result({ done, ...(item !== undefined && { item }), ...answerFacts(answer) }, () => (item === undefined ? 'Changed.' : JSON.stringify(item, null, 2)));
  if (!out.json) out.note(`${done === 'created' ? 'Created' : 'Changed'}. ${factsLine(answer)}`);
  return EXIT.ok;
}
