import type { DoctorFacts, Finding, MemberDoctorFacts, TableFacts } from './facts.ts';
import { unseen } from './facts.ts';

/** Checks of a member's tables. Pure. */

/** What a new on-demand table takes at once (write units/s). https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html */
export const COLD_WRITES = 4_000;

const keyText = (key: readonly { readonly name: string; readonly type: string }[]): string => key.map((k) => `${k.name}:${k.type}`).join(',');

/** Whether the items table is there, and usable. Nothing else is checked of one that is not. */
export function checkItems(m: MemberDoctorFacts, facts: DoctorFacts): Finding[] {
  const at = { member: m.member };
  if (!m.items.seen) return [unseen('table', m.member, `The table ${m.itemsName}`, m.items.why)];
  const table = m.items.value;
  if (table === undefined) return [{ ...at, check: 'table', level: 'ok', message: `The table ${m.itemsName} is not there yet: a deployment makes it.` }];
  return [
    tableStatus(m, m.itemsName, table),
    keySchema(m, table, facts),
    streamView(m, table),
    kms(m, table),
    recovery(m, table, facts.local),
    protection(m, table, facts.local),
    capacity(m, table),
    ...globalTable(m, table),
  ];
}

function tableStatus({ member }: MemberDoctorFacts, name: string, table: TableFacts): Finding {
  const at = { check: 'table', member };
  if (table.status === 'ACTIVE' || table.status === 'UPDATING') return { ...at, level: 'ok', message: `The table ${name} is ${table.status}.` };
  const todo = table.status === 'CREATING' ? 'Wait until it is made.' : 'See the DynamoDB console: it cannot be read or written so.';
  return { ...at, level: 'fail', message: `The table ${name} is ${table.status}.`, todo };
}

function keySchema({ member }: MemberDoctorFacts, table: TableFacts, facts: DoctorFacts): Finding {
  const at = { check: 'key-schema', member };
  const [seen, expected] = [keyText(table.key), keyText(facts.key)];
  if (seen === expected) return { ...at, level: 'ok', message: `The key is ${seen}.` };
  return {
    ...at,
    level: 'fail',
    message: `The key is ${seen}; the set's is ${expected}. All members need the same.`,
    todo: `Name the key with --keys ${seen}, or deploy the member with another table.`,
  };
}

function streamView({ member }: MemberDoctorFacts, table: TableFacts): Finding {
  const at = { check: 'stream-view', member };
  if (table.stream === undefined)
    return {
      ...at,
      level: 'fail',
      message: 'The table has no stream: its changes are not seen.',
      todo: 'Enable one with NEW_AND_OLD_IMAGES ("syncline adopt" does it when told to).',
    };
  const { view } = table.stream;
  if (view === 'NEW_AND_OLD_IMAGES') return { ...at, level: 'ok', message: 'The stream has NEW_AND_OLD_IMAGES.' };
  return {
    ...at,
    level: 'warn',
    message: `The stream has ${view}, so images cannot travel: each change becomes a resync, which reads the item again.`,
    todo: 'For full speed, and for the archive: another stream with NEW_AND_OLD_IMAGES.',
  };
}

function kms({ member }: MemberDoctorFacts, table: TableFacts): Finding {
  const at = { check: 'kms', member };
  if (table.kms === undefined) return { ...at, level: 'ok', message: 'The table is encrypted with DynamoDB’s own key.' };
  const { arn, inaccessibleSince } = table.kms;
  if (inaccessibleSince !== undefined) {
    return {
      ...at,
      level: 'fail',
      message: `The KMS key ${arn} could not be used since ${inaccessibleSince}.`,
      todo: 'Enable the key again, and let DynamoDB use it: after 7 days DynamoDB archives the table.',
    };
  }
  return {
    ...at,
    level: 'warn',
    message: `The table is encrypted with the KMS key ${arn}. Whether the functions of all members may use it cannot be seen from here.`,
    todo: 'Let its policy allow kms:Decrypt, kms:GenerateDataKey and kms:DescribeKey to the members’ roles (not needed for the AWS-managed key alias/aws/dynamodb, within one account).',
  };
}

function recovery({ member }: MemberDoctorFacts, table: TableFacts, local: boolean): Finding {
  const at = { check: 'recovery', member };
  const pitr = table.pointInTimeRecovery;
  if (!pitr.seen) return unseen('recovery', member, 'Point-in-time recovery', pitr.why);
  if (pitr.value) return { ...at, level: 'ok', message: 'Point-in-time recovery is on.' };
  if (local) return { ...at, level: 'ok', message: 'Point-in-time recovery is off, or the local cloud does not keep the setting.' };
  return { ...at, level: 'warn', message: 'Point-in-time recovery is off.', todo: 'Turn it on: aws dynamodb update-continuous-backups.' };
}

function protection({ member }: MemberDoctorFacts, table: TableFacts, local: boolean): Finding {
  const at = { check: 'deletion-protection', member };
  if (table.deletionProtection) return { ...at, level: 'ok', message: 'Deletion protection is on.' };
  if (local) return { ...at, level: 'ok', message: 'Deletion protection is off, as it should be on a local cloud.' };
  return { ...at, level: 'warn', message: 'Deletion protection is off.', todo: 'Turn it on: aws dynamodb update-table --deletion-protection-enabled.' };
}

function capacity({ member }: MemberDoctorFacts, table: TableFacts): Finding {
  const at = { check: 'capacity', member };
  if (!table.onDemand) {
    return {
      ...at,
      level: 'warn',
      message: `The table has provisioned capacity: ${table.provisionedWrites ?? 0} writes/s. A promotion, or a backfill, may need more than it has now.`,
      todo: 'Give every member the write capacity of the primary, or make the tables on demand.',
    };
  }
  if (table.warmWrites === undefined) return { ...at, level: 'ok', message: 'On demand; the cloud does not say how much it takes at once.' };
  const words = `On demand; it takes ${table.warmWrites} writes/s at once.`;
  if (table.warmWrites > COLD_WRITES) return { ...at, level: 'ok', message: words };
  return { ...at, level: 'ok', message: `${words} It was never warmed, and grows to twice its peak within 30 minutes of more.` };
}

/**
 * Whether each member could take the writes of the busiest at once: a failover moves them there from one moment to the
 * next, and a cold table would throttle them.
 */
export function checkWarmth(facts: DoctorFacts): Finding[] {
  const known = facts.members.flatMap((m) => {
    const writes = m.items.seen ? (m.items.value?.warmWrites ?? undefined) : undefined;
    return writes === undefined ? [] : [{ member: m.member, writes }];
  });
  const most = known.reduce<(typeof known)[number] | undefined>((best, m) => (best === undefined || m.writes > best.writes ? m : best), undefined);
  if (most === undefined) return [];
  return known
    .filter((m) => m.writes < most.writes)
    .map((m) => ({
      check: 'warmth',
      member: m.member,
      level: 'warn' as const,
      message: `The table takes ${m.writes} writes/s at once, ${most.member}'s takes ${most.writes}: after a failover it would throttle until it has grown.`,
      todo: `Warm it: aws dynamodb update-table --warm-throughput WriteUnitsPerSecond=${most.writes} (costs once, for what is added).`,
    }));
}

function globalTable({ member }: MemberDoctorFacts, table: TableFacts): Finding[] {
  if (table.globalReplicas.length === 0) return [];
  return [
    {
      check: 'global-table',
      member,
      level: 'fail',
      message: `The table is a Global Table with copies in ${table.globalReplicas.join(', ')}: DynamoDB writes to it by itself, and its replication reads the stream.`,
      todo: 'Choose one of the two: remove the Global Table’s replicas, or leave this table out of the set.',
    },
  ];
}

/** Whether all members expire items by the same attribute: each member's TTL deletes its own copies. */
export function checkTtl(facts: DoctorFacts): Finding[] {
  const known: { member: string; ttl: string | undefined }[] = [];
  const unknown: Finding[] = [];
  for (const m of facts.members) {
    if (!m.items.seen || m.items.value === undefined) continue;
    const { ttl } = m.items.value;
    if (ttl.seen) known.push({ member: m.member, ttl: ttl.value });
    else unknown.push(unseen('ttl', m.member, 'The TTL setting', ttl.why));
  }
  if (known.length === 0) return unknown;
  const words = (ttl: string | undefined): string => (ttl === undefined ? 'none' : `"${ttl}"`);
  const different = new Set(known.map((k) => k.ttl)).size > 1;
  if (!different) {
    const message = `The TTL attribute is ${words(known[0]?.ttl)} at every member that has a table.`;
    return [...unknown, { check: 'ttl', level: 'ok', message }, ...expiryAttribute(facts, known[0]?.ttl)];
  }
  return [
    ...unknown,
    {
      check: 'ttl',
      level: 'fail',
      message: `The members expire items by different attributes: ${known.map((k) => `${k.member} ${words(k.ttl)}`).join(', ')}. Their copies would not stay equal.`,
      todo: 'Give all items tables the same TTL attribute, or deploy the set with expiry: "replicate".',
    },
  ];
}

/**
 * Whether the functions know the attribute by which the tables expire items. Comparisons leave out what has expired: where they do not know it, a
 * copy that one member has deleted some hours before another one looks like a difference.
 *
 * @param ttl of all tables; undefined where TTL is off.
 */
function expiryAttribute({ expiry }: DoctorFacts, ttl: string | undefined): Finding[] {
  if (expiry?.seen !== true || expiry.value === undefined || expiry.value.mode === 'replicate') return [];
  const { attribute } = expiry.value;
  const at = { check: 'expiry-attribute' };
  if (attribute === ttl)
    return [
      { ...at, level: 'ok', message: `The set is deployed with ${ttl === undefined ? 'no TTL attribute' : `the TTL attribute "${ttl}"`}, as its tables are.` },
    ];
  if (ttl === undefined)
    return [
      {
        ...at,
        level: 'warn',
        message: `The set is deployed with the TTL attribute "${attribute ?? ''}", but TTL is off at its tables: what has "expired" is there, and is not compared.`,
        todo: `Turn TTL on at every items table, or deploy without "expiryAttribute".`,
      },
    ];
  const known = attribute === undefined ? 'no TTL attribute' : `"${attribute}"`;
  return [
    {
      ...at,
      level: 'warn',
      message: `The tables expire items by "${ttl}", but the set is deployed with ${known}: copies that expire at different times look like differences to its checks.`,
      todo: `Deploy it with -c expiryAttribute=${ttl}.`,
    },
  ];
}
