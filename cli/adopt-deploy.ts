import type { SetConfig } from '../lib/core/config.ts';
import { keysText } from './adopt-gather.ts';
import type { NextStep } from './next-steps.ts';
import { shellWord } from './next-steps.ts';

/** How to deploy a set with an adopted table, as text. Pure. */

/** What is to be deployed. */
export interface Deployable {
  readonly config: SetConfig;
  readonly member: string;
  readonly region: string;
  readonly table: string;
  readonly streamArn: string;
  readonly key: readonly { readonly name: string; readonly type: string }[];
  /** Of the credentials; absent where they do not say. */
  readonly account?: string;
  /** KMS key of the table, if it has one. */
  readonly keyArn?: string;
}

const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** The lines for a CDK app of one's own. */
export function cdkLines({ config, member, table, streamArn, key, account, keyArn }: Deployable): string {
  const [partition, sort] = key;
  const attribute = (k: { name: string; type: string } | undefined): string => `{ name: ${text(k?.name ?? '')}, type: ${text(k?.type ?? '')} }`;
  const existing = `{ tableName: ${text(table)}, streamArn: ${text(streamArn)}${keyArn === undefined ? '' : `, encryptionKeyArn: ${text(keyArn)}`} }`;
  const members = config.members.map((m) => `    { region: ${text(m.region)}${m.name === member ? `, existingTable: ${existing}` : ''} },`);
  return [
    "new ReplicaSet(app, 'ReplicaSet', {",
    `  set: ${text(config.set)},`,
    `  account: ${text(account ?? '123456789012')},`,
    `  key: { partition: ${attribute(partition)}${sort === undefined ? '' : `, sort: ${attribute(sort)}`} },`,
    '  members: [',
    ...members,
    '  ],',
    '});',
  ].join('\n');
}

/** The settings for the app that comes with the package. */
export function contextSettings({ config, region, table, streamArn, key, keyArn }: Deployable): readonly string[] {
  const existing = { [region]: { tableName: table, streamArn, ...(keyArn !== undefined && { encryptionKeyArn: keyArn }) } };
  const settings = {
    set: config.set,
    regions: config.members.map((m) => m.region).join(','),
    keys: keysText(key),
    existingTables: JSON.stringify(existing),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', shellWord(`${name}=${value}`)]);
}

/** What to do next: deploy, then run `adopt` again. */
export function deploySteps(what: Deployable, adoptAgain: string): readonly NextStep[] {
  return [
    { command: `npx cdk deploy --all ${contextSettings(what).join(' ')}`, why: 'It deploys the set with this table. The table itself is not touched.' },
    { command: adoptAgain, why: 'Then it gives the set its primary and copies what the table holds.' },
  ];
}
