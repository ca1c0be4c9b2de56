import type { Command } from 'commander';
import { openApi } from '../api/client.ts';
import { parseExact } from '../api/exact-json.ts';
import type { ItemOptions } from '../api/options.ts';
import { answerFacts, CONTENT_TYPE, factsLine, itemOptions, jsonInput, keyQuery, needsOf } from '../api/options.ts';
import { schemaOf } from '../api/schema.ts';
import { CliError, EXIT } from '../errors.ts';
import { readKey } from '../keys.ts';
import { printable } from '../output.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';

/** What a read may ask for beside `eventual` and `strong`. */
const AT_LEAST = /^at-least=\S+$/;
const KEY_HELP = 'as attr=value,attr=value or in DynamoDB JSON';

/** syncline get | put | delete */
export function registerItems(program: Command, run: Run): void {
  itemOptions(program.command('get'))
    .summary('read an item')
    .description('Reads an item over the HTTP API. Ends with 3 when there is none.')
    .argument('<key>', `its key, ${KEY_HELP}`)
    .option('--consistency <how>', 'eventual, strong, or at-least=REVISION', 'eventual')
    .addHelpText(
      'after',
      `
Examples:
  syncline get country=DE,cityId=2950159
  syncline get country=DE,cityId=2950159 --consistency strong --json | jq -r .etag
  syncline get country=DE,cityId=2950159 --member us-east-1 --form dynamodb`,
    )
    .action((key: string, own: ItemOptions & { consistency: string }, command: Command) => run(command, (s) => get(s, key, own), needsOf(own)));

  itemOptions(program.command('put'))
    .summary('write a whole item')
    .description('Writes an item over the HTTP API, in place of what is there.')
    .argument('[file]', 'JSON of the item; "-" for standard input', '-')
    .option('--if-match <tag>', 'only where the item has this tag')
    .option('--if-none-match', 'only where there is no item')
    .addHelpText(
      'after',
      `
Examples:
  echo '{"country":"DE","cityId":1,"name":"Aachen"}' | syncline put
  syncline put city.json --if-none-match
  syncline put city.json --if-match '"01hx-9c2e"' --json`,
    )
    .action((file: string, own: PutOptions, command: Command) => run(command, (s) => put(s, file, own), needsOf(own)));

  itemOptions(program.command('delete'))
    .summary('delete an item')
    .description('Deletes an item over the HTTP API. It is done, too, when there is none.')
    .argument('<key>', `its key, ${KEY_HELP}`)
    .option('--if-match <tag>', 'only where the item has this tag')
    .addHelpText(
      'after',
      `
Examples:
  syncline delete country=DE,cityId=1
  syncline delete country=DE,cityId=1 --if-match '"01hx-9c2e"'`,
    )
    .action((key: string, own: ItemOptions & { ifMatch?: string }, command: Command) => run(command, (s) => remove(s, key, own), needsOf(own)));
}

interface PutOptions extends ItemOptions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: true;
}

async function get(session: Session, text: string, own: ItemOptions & { consistency: string }): Promise<number> {
  const { out } = session;
  if (own.consistency !== 'eventual' && own.consistency !== 'strong' && !AT_LEAST.test(own.consistency))
    throw new CliError('usage', 'bad-consistency', `--consistency takes eventual, strong or at-least=REVISION; got ${JSON.stringify(own.consistency)}.`);
  const api = await openApi(session, own);
  const schema = await schemaOf(session, api, own);
  const headers = { accept: CONTENT_TYPE[own.form], 'syncline-consistency': own.consistency };
  const answer = await api.send({ method: 'GET', path: '/items', query: keyQuery(readKey(text, schema), schema), headers });
  const item = parseExact(answer.text);
  out.result({ item, ...answerFacts(answer) }, () => JSON.stringify(item, null, 2));
  if (!out.json) out.note(factsLine(answer));
  return EXIT.ok;
}

async function put(session: Session, file: string, own: PutOptions): Promise<number> {
  const { out, outside, runtime } = session;
  if (own.ifMatch !== undefined && own.ifNoneMatch === true)
    throw new CliError('usage', 'bad-precondition', '--if-match and --if-none-match exclude each other: the first wants an item, the second wants none.');
  // Read as JSON and written anew: a mistake is named before anything is sent, and no digit is lost.
  const body = JSON.stringify(jsonInput(await outside.readText(file), file === '-' ? 'The input' : `The file ${JSON.stringify(file)}`));
  const api = await openApi(session, own);
  const headers = {
    'content-type': CONTENT_TYPE[own.form],
    'idempotency-key': runtime.chance.nonce(),
    ...(own.ifMatch !== undefined && { 'if-match': own.ifMatch }),
    ...(own.ifNoneMatch === true && { 'if-none-match': '*' }),
  };
  const answer = await api.send({ method: 'PUT', path: '/items', headers, body });
  const done = answer.status === 201 ? 'created' : 'replaced';
  out.result({ done, ...answerFacts(answer) }, () => `${done === 'created' ? 'Created' : 'Replaced'}. ${factsLine(answer)}`);
  return EXIT.ok;
}

async function remove(session: Session, text: string, own: ItemOptions & { ifMatch?: string }): Promise<number> {
  const { out, runtime } = session;
  const api = await openApi(session, own);
  const schema = await schemaOf(session, api, own);
  const key = readKey(text, schema);
  const headers = {
    accept: CONTENT_TYPE[own.form],
    'idempotency-key': runtime.chance.nonce(),
    ...(own.ifMatch !== undefined && { 'if-match': own.ifMatch }),
  };
  const answer = await api.send({ method: 'DELETE', path: '/items', query: keyQuery(key, schema), headers });
  out.result({ done: 'deleted', ...answerFacts(answer) }, () => `There is no item ${printable(text)} now. ${factsLine(answer)}`);
  return EXIT.ok;
}
