import { RESERVED } from '../core/attribute.ts';
import { RESERVED_KEY_NAMES } from '../core/formats/tombstone.ts';
import type { Fact, Finding, Reader, TableFacts } from '../doctor/facts.ts';
import { unseen } from '../doctor/facts.ts';
import { showBytes } from './estimate.ts';
import type { SourceSample } from './ready.ts';

/** Judges whether a table of the user's may become a member's items table as it is. Pure. */

/** What DescribeTable says beside TableFacts. */
export interface TableMore {
  readonly bytes: number;
  /** Absent for on-demand tables. */
  readonly provisionedReads?: number;
  /** Key attributes of all its indexes. */
  readonly indexAttributes: readonly string[];
}

/** A secondary's items table, where it is there already. */
export interface ReplicaTable {
  readonly member: string;
  readonly table: Fact<TableFacts | undefined>;
}

/** Everything that was seen of the table. */
export interface AdoptFacts {
  readonly member: string;
  readonly name: string;
  readonly table: TableFacts;
  readonly more: TableMore;
  /** The key that the set has, or that the user named; absent when nobody said: then the table's is taken. */
  readonly key?: readonly { readonly name: string; readonly type: string }[];
  readonly readers: Fact<readonly Reader[]>;
  /** Names of the functions of ours that read the stream. */
  readonly ownReaders: readonly string[];
  readonly sample: Fact<SourceSample>;
  readonly replicas: readonly ReplicaTable[];
  /** Whether the user has agreed that others read the stream, too. */
  readonly allowReaders: boolean;
  /** Read units that one key costs at the source, the scan included; and keys a second that are planned. */
  readonly readsPerKey: number;
  readonly keysPerS: number;
}

/** Other readers of the stream that are borne without the user's agreement. */
const OTHER_READERS_FREE = 1;
/** Share of a table's provisioned reads that a backfill may take. */
const READ_SHARE = 0.5;

/** All checks of a table. */
export function checkTable(facts: AdoptFacts): readonly Finding[] {
  const status = statusOf(facts);
  if (status.level === 'fail') return [status];
  return [
    status,
    sizeOf(facts),
    ...keyOf(facts),
    reserved(facts),
    streamOf(facts),
    ...readersOf(facts),
    ...globalOf(facts),
    ttlOf(facts),
    kmsOf(facts),
    capacityOf(facts),
  ];
}

const keyText = (key: readonly { readonly name: string; readonly type: string }[]): string => key.map((k) => `${k.name}:${k.type}`).join(',');

function statusOf({ member, name, table }: AdoptFacts): Finding {
  const at = { check: 'table', member };
  if (table.status === 'ACTIVE' || table.status === 'UPDATING') return { ...at, level: 'ok', message: `The table ${name} is ${table.status}.` };
  return { ...at, level: 'fail', message: `The table ${name} is ${table.status}.`, todo: 'Try again when it is ACTIVE.' };
}

function sizeOf({ member, table, more }: AdoptFacts): Finding {
  return {
    check: 'size',
    member,
    level: 'ok',
    message: `It has about ${table.itemCount.toLocaleString('en-US')} items, ${showBytes(more.bytes)} (DynamoDB counts every six hours).`,
  };
}

function keyOf({ member, table, key }: AdoptFacts): Finding[] {
  const at = { check: 'key-schema', member };
  const seen = keyText(table.key);
  const bad = table.key.find((k) => RESERVED_KEY_NAMES.includes(k.name) || k.name === '__proto__');
  if (bad !== undefined) {
    return [
      {
        ...at,
        check: 'key-names',
        level: 'fail',
        message: `A key attribute is named "${bad.name}": Syncline uses the names ${RESERVED_KEY_NAMES.join(' and ')} itself, beside the key.`,
        todo: 'Such a table cannot be adopted. Copy it to a table whose key has another name.',
      },
    ];
  }
  if (key !== undefined && keyText(key) !== seen) {
    return [
      { ...at, level: 'fail', message: `Its key is ${seen}; the set's is ${keyText(key)}. All members need the same.`, todo: `Name the key: --keys ${seen}` },
    ];
  }
  return [{ ...at, level: 'ok', message: `Its key is ${seen}.` }];
}

function reserved({ member, sample, more }: AdoptFacts): Finding {
  const at = { check: 'reserved-attribute', member };
  if (more.indexAttributes.includes(RESERVED)) {
    return {
      ...at,
      level: 'fail',
      message: `An index has the attribute "${RESERVED}" as its key: Syncline keeps its own notes there.`,
      todo: 'Remove that index, and rename the attribute.',
    };
  }
  if (!sample.seen) return unseen('reserved-attribute', member, 'The items', sample.why);
  const { looked, foreign } = sample.value;
  if (foreign > 0) {
    return {
      ...at,
      level: 'fail',
      message: `${foreign} of ${looked} items that were looked at have an attribute "${RESERVED}" of their own. Syncline keeps its notes there: yours would be lost at the replicas.`,
      todo: 'Rename the attribute first.',
    };
  }
  return { ...at, level: 'ok', message: `None of ${looked} items that were looked at has an attribute "${RESERVED}" of its own; the backfill looks at all.` };
}

function streamOf({ member, table }: AdoptFacts): Finding {
  const at = { check: 'stream', member };
  if (table.stream === undefined) {
    return {
      ...at,
      level: 'warn',
      message: 'It has no stream, so its changes are not seen.',
      todo: 'Enable one: --enable-stream. It changes nothing else; reads of a stream by Lambda are free of charge.',
    };
  }
  const { view } = table.stream;
  if (view === 'NEW_AND_OLD_IMAGES') return { ...at, level: 'ok', message: 'Its stream shows new and old images.' };
  return {
    ...at,
    level: 'warn',
    message: `Its stream shows ${view}: the set works by level. Each change makes apply read the item again: one more read of the source for each change and replica, no older state than the newest, and after a delete a read of at least its revision is answered by the primary.`,
    todo: 'That is right, only dearer. A stream’s view cannot be changed: to have both images, disable the stream and enable another, once nobody needs the old one.',
  };
}

function readersOf({ member, readers, ownReaders, allowReaders }: AdoptFacts): Finding[] {
  const at = { check: 'stream-readers', member };
  if (!readers.seen) return [unseen('stream-readers', member, 'The readers of its stream', readers.why)];
  const others = [...new Set(readers.value.filter((r) => !ownReaders.includes(r.fn)).map((r) => r.fn))];
  const hidden = 'Readers that are no Lambda functions cannot be seen from here.';
  if (others.length === 0) return [{ ...at, level: 'ok', message: `No other Lambda function reads its stream. ${hidden}` }];
  const words = `${others.join(', ')} ${others.length === 1 ? 'reads' : 'read'} its stream, and Syncline adds two readers; DynamoDB provides for two of each shard in all, and throttles more.`;
  if (others.length > OTHER_READERS_FREE && !allowReaders) {
    return [
      {
        ...at,
        level: 'fail',
        message: words,
        todo: 'Let them read elsewhere (a Kinesis data stream of the table carries the same changes), or bear it: --allow-readers.',
      },
    ];
  }
  return [
    { ...at, level: 'warn', message: words, todo: 'Watch IteratorAge and ReadThrottleEvents; a Kinesis data stream of the table carries the same changes.' },
  ];
}

function globalOf({ member, table }: AdoptFacts): Finding[] {
  if (table.globalReplicas.length === 0) return [];
  return [
    {
      check: 'global-table',
      member,
      level: 'fail',
      message: `It is a Global Table with copies in ${table.globalReplicas.join(', ')}: DynamoDB writes to it by itself, and reads its stream.`,
      todo: 'Choose one of the two: remove the Global Table’s replicas, or stay with it.',
    },
  ];
}

function ttlOf({ member, table, replicas }: AdoptFacts): Finding {
  const at = { check: 'ttl', member };
  if (!table.ttl.seen) return unseen('ttl', member, 'Its TTL setting', table.ttl.why);
  const mine = table.ttl.value;
  const others = replicas.flatMap(({ member: name, table: t }) => (t.seen && t.value?.ttl.seen === true ? [{ name, ttl: t.value.ttl.value }] : []));
  const different = others.filter((o) => o.ttl !== mine);
  const words = (ttl: string | undefined): string => (ttl === undefined ? 'none' : `"${ttl}"`);
  if (different.length > 0) {
    return {
      ...at,
      level: 'warn',
      message: `It expires items by ${words(mine)}; ${different.map((o) => `${o.name} by ${words(o.ttl)}`).join(', ')}. By default each member expires its own copies, so they would not stay equal.`,
      todo: 'Give the tables the same TTL attribute (aws dynamodb update-time-to-live), or deploy the set with expiry: "replicate".',
    };
  }
  if (mine === undefined) return { ...at, level: 'ok', message: 'It expires no items.' };
  if (others.length === 0) {
    return {
      ...at,
      level: 'warn',
      message: `It expires items by "${mine}". By default each member expires its own copies.`,
      todo: 'After the deployment, give the replicas’ tables the same TTL attribute (aws dynamodb update-time-to-live), or deploy the set with expiry: "replicate".',
    };
  }
  return { ...at, level: 'ok', message: `It expires items by "${mine}", as the others do.` };
}

function kmsOf({ member, table }: AdoptFacts): Finding {
  const at = { check: 'kms', member };
  if (table.kms === undefined) return { ...at, level: 'ok', message: 'It is encrypted with DynamoDB’s own key.' };
  const { arn, inaccessibleSince } = table.kms;
  if (inaccessibleSince !== undefined) {
    return {
      ...at,
      level: 'fail',
      message: `Its KMS key ${arn} could not be used since ${inaccessibleSince}.`,
      todo: 'Enable the key again, and let DynamoDB use it.',
    };
  }
  return {
    ...at,
    level: 'warn',
    message: `It is encrypted with the KMS key ${arn}.`,
    todo: 'If the key is yours, name it in existingTable.encryptionKeyArn, so that the functions are allowed to use it.',
  };
}

function capacityOf({ member, table, more, readsPerKey, keysPerS }: AdoptFacts): Finding {
  const at = { check: 'capacity', member };
  if (table.onDemand || more.provisionedReads === undefined) return { ...at, level: 'ok', message: 'It is on demand: the backfill’s reads need no provision.' };
  const needed = Math.ceil(readsPerKey * keysPerS);
  const words = `It has ${more.provisionedReads} read units/s; the backfill would read ${needed} units/s beside your own.`;
  if (needed <= more.provisionedReads * READ_SHARE) return { ...at, level: 'ok', message: words };
  const rate = Math.max(1, Math.floor((more.provisionedReads * READ_SHARE) / readsPerKey));
  return { ...at, level: 'warn', message: words, todo: `Go slower, with half of them: --rate ${rate}. Or provide more while it runs.` };
}
