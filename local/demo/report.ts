import { spawn } from 'node:child_process';
import Table from 'cli-table3';
import { memberNames } from '../../lib/core/names.ts';
import type { Cloud } from '../cloud.ts';
import type { Deployment } from '../deploy.ts';
import { LOCAL_CREDENTIALS } from '../region.ts';
import type { DemoResult } from './run.ts';
import { itemUrl } from './writer.ts';

/** What `npm start` says in the end: what came out, where everything is, and what to try. */

/** One of the shown commands (ms). */
const CURL_MAX_MS = 30_000;

/** A command to try: its words, and what it is for. */
export interface Example {
  readonly what: string;
  readonly args: readonly string[];
}

/** A command as one types it in a shell. Pure. */
export const shellLine = (args: readonly string[]): string =>
  args.map((arg) => (/^[\w./:@=+-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`)).join(' ');

/** Requests to try: a read at the primary, a write at a secondary (which forwards it), a read of that at a third member, and an unsigned one. */
export function examples({ apis, primary, config }: Deployment, { example }: DemoResult): Example[] {
  const others = config.members.map((m) => m.name).filter((name) => name !== primary);
  const base = (name: string): string => apis[name] ?? '';
  const curl = (region: string): string[] => [
    'curl',
    '-sS',
    '--aws-sigv4',
    `aws:amz:${region}:execute-api`,
    '--user',
    `${LOCAL_CREDENTIALS.accessKeyId}:${LOCAL_CREDENTIALS.secretAccessKey}`,
  ];
  const writer = others[0] ?? primary;
  const reader = others.at(-1) ?? primary;
  const body = JSON.stringify({ country: { S: 'AQ' }, cityId: { N: '1' }, name: { S: 'Syncline Station' } });
  return [
    { what: `read a city at the primary, ${primary}`, args: [...curl(primary), itemUrl(base(primary), example)] },
    {
      what: `write at the secondary ${writer}, which forwards to the primary`,
      args: [...curl(writer), '-X', 'PUT', '-H', 'content-type: application/x-amz-json-1.0', '-d', body, `${base(writer)}/items`],
    },
    { what: `read it at ${reader}`, args: [...curl(reader), `${base(reader)}/items?country=AQ&cityId=1`] },
    { what: 'delete it again', args: [...curl(primary), '-X', 'DELETE', `${base(primary)}/items?country=AQ&cityId=1`] },
  ];
}

/** What running an example gave. */
export interface Tried {
  readonly ok: boolean;
  /** The status and the beginning of the answer, or why it could not be run. */
  readonly answer: string;
}

/** Runs an example as it is shown, and says how it was answered. */
export async function tryExample({ args }: Example): Promise<Tried> {
  const [file = '', ...rest] = args;
  const { promise, resolve } = Promise.withResolvers<Tried>();
  const child = spawn(file, ['-w', '\n%{http_code}', ...rest], { stdio: ['ignore', 'pipe', 'pipe'], timeout: CURL_MAX_MS });
  let text = '';
  let problem = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (problem += chunk));
  child.on('error', (error) => resolve({ ok: false, answer: `not run: ${error.message}` }));
  child.on('close', (code) => {
    const lines = text.trim().split('\n');
    const status = lines.at(-1) ?? '';
    const body = lines.slice(0, -1).join(' ');
    const short = body.length > 100 ? `${body.slice(0, 100)}…` : body;
    resolve(code === 0 ? { ok: /^2\d\d$/.test(status), answer: `${status} ${short}`.trim() } : { ok: false, answer: problem.trim() });
  });
  return promise;
}

/** The outcome, as a table. Pure. */
export function outcomeText({ outcome, examples: found }: DemoResult): string {
  const table = new Table({ head: ['member', 'items', 'differences'], colAligns: ['left', 'right', 'right'], style: { head: [], border: [] } });
  for (const { region, items, differences } of outcome.members) table.push([region, items.toLocaleString('en'), differences.toLocaleString('en')]);
  const verdict = outcome.converged ? 'All members are equal, item by item.' : 'The members are NOT equal.';
  const numbers = outcome.converged
    ? `${outcome.itemsPerSecond.toLocaleString('en')} changes a second until all were equal · lag p50 ${outcome.lagMs.p50} ms, p99 ${outcome.lagMs.p99} ms`
    : '';
  return [table.toString(), verdict, numbers, ...found.map((text) => `  ${text}`)].filter((text) => text !== '').join('\n');
}

/** Where everything is, as a table. Pure. */
export function placesText(cloud: Cloud, { config, apis, primary }: Deployment): string {
  const table = new Table({ head: ['member', 'endpoint', 'items table', 'API'], style: { head: [], border: [] } });
  for (const member of config.members) {
    const name = member.name === primary ? `${member.name} (primary)` : member.name;
    table.push([name, cloud.endpoints[member.region] ?? '', member.items, apis[member.name] ?? '']);
  }
  const names = memberNames(config.set, config.members[0] as Deployment['config']['members'][number]);
  return [
    table.toString(),
    `Beside each items table: ${names.tombstones.replace(names.prefix, '…')} and ${names.control.replace(names.prefix, '…')}. Logs: ${cloud.directory}/*/region.log`,
  ].join('\n');
}
