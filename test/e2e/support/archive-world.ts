import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchWriteItemCommand,
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  ResourceNotFoundException,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { type MemberNames, memberNames } from '../../../lib/core/names.ts';
import { type Cloud, startCloud } from '../../../local/cloud.ts';
import type { Item } from '../../../local/demo/cities.ts';
import { type Contents, differences, readTable } from '../../../local/demo/compare.ts';
import { deploy, makeSeeds } from '../../../local/deploy.ts';
import { LOCAL_ACCOUNT, localClient } from '../../../local/region.ts';
import { eventually } from './eventually.ts';
import type { Running } from './running.ts';
import { documentOf, startSyncline } from './running.ts';

/** A set of two regions whose archive is written, damaged, and restored from. */

export const EU = 'eu-central-1';
export const US = 'us-east-1';
export const REGIONS = [EU, US] as const;
export type Region = (typeof REGIONS)[number];
const SET = 'archive';
const KEYS = 'country:S,cityId:N';
export const KEY_NAMES = ['country', 'cityId'] as const;

/** One request of a test (ms), and one run of the command. */
const REQUEST_MAX_MS = 15_000;
const RUN_MAX_MS = 120_000;
/** Requests in one BatchWriteItem call: DynamoDB's limit; calls at the same time. */
const BATCH_MAX = 25;
const CALLS_AT_ONCE = 4;
/** Until both regions are equal, once nobody writes (ms). */
const EQUAL_MAX_MS = 60_000;
/** Until a time is surely archived (ms). The newest seconds never are, since a record may still be on its way: a run that asks sooner is in vain. */
const ARCHIVED_MAX_MS = 60_000;
const ARCHIVED_MIN_MS = 15_000;
/** Until the lease of a killed run is over (ms). */
const LEASE_MAX_MS = 60_000;
/** Wait between two looks at the clock (ms). */
const CLOCK_LOOK_MS = 50;

/** Of an answer of the command, what tests look at. */
export interface Told {
  readonly state?: string;
  readonly job?: string;
  readonly result?: { readonly items: number; readonly resumed?: boolean };
  readonly resumed?: boolean;
  readonly puts?: number;
  readonly deletes?: number;
  readonly kept?: number;
  readonly skipped?: Readonly<Record<string, number>>;
  readonly counts?: Readonly<Record<string, number>>;
  readonly error?: { readonly code: string; readonly message: string; readonly findings?: readonly Finding[] };
  readonly findings?: readonly Finding[];
}

export interface Finding {
  readonly kind: string;
  readonly object?: string;
  readonly what: string;
}

export class ArchiveWorld {
  readonly cloud: Cloud;
  readonly #dynamodb: Readonly<Record<Region, DynamoDBClient>>;
  readonly #s3: Readonly<Record<Region, S3Client>>;

  private constructor(cloud: Cloud) {
    this.cloud = cloud;
    const settings = (region: Region) => ({
      ...localClient(region, cloud.endpoints[region]),
      requestHandler: { requestTimeout: REQUEST_MAX_MS, connectionTimeout: 2_000, throwOnRequestTimeout: true },
    });
    this.#dynamodb = { [EU]: new DynamoDBClient(settings(EU)), [US]: new DynamoDBClient(settings(US)) };
    this.#s3 = { [EU]: new S3Client({ ...settings(EU), forcePathStyle: true }), [US]: new S3Client({ ...settings(US), forcePathStyle: true }) };
  }

  /** Starts the cloud and deploys, with a short archive window. Nothing keeps running when it fails. */
  static async start(): Promise<ArchiveWorld> {
    await makeSeeds([...REGIONS]);
    const world = new ArchiveWorld(await startCloud({ regions: [...REGIONS], seeded: true }));
    try {
      await deploy(world.cloud, { set: SET, keys: KEYS, context: { archiveWindow: '1' } });
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const region of REGIONS) {
      this.#dynamodb[region].destroy();
      this.#s3[region].destroy();
    }
    await this.cloud.stop();
  }

  names(region: Region): MemberNames {
    return memberNames(SET, { name: region, region, account: LOCAL_ACCOUNT, generation: 1 });
  }

  dynamodb(region: Region): DynamoDBClient {
    return this.#dynamodb[region];
  }

  /** A whole table, by plain scans: the member's, or another one of its region. */
  async contents(region: Region, table = this.names(region).items): Promise<Contents> {
    return readTable(this.#dynamodb[region], table, KEY_NAMES);
  }

  /** Number of items of a table, exact on the local cloud; undefined when there is no such table. */
  async count(region: Region, table: string): Promise<number | undefined> {
    try {
      return (await this.#dynamodb[region].send(new DescribeTableCommand({ TableName: table }))).Table?.ItemCount;
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  }

  /** Writes with the SDK at the primary, no key twice in one call. */
  async write(puts: readonly Item[], deletes: readonly Item[] = []): Promise<void> {
    const table = this.names(EU).items;
    const requests: WriteRequest[] = [...puts.map((Item) => ({ PutRequest: { Item } })), ...deletes.map((Key) => ({ DeleteRequest: { Key } }))];
    const calls = Array.from({ length: Math.ceil(requests.length / BATCH_MAX) }, (_, i) => requests.slice(i * BATCH_MAX, (i + 1) * BATCH_MAX)).values();
    const caller = async (): Promise<void> => {
      for (const call of calls) await this.#dynamodb[EU].send(new BatchWriteItemCommand({ RequestItems: { [table]: call } }));
    };
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, caller));
  }

  /** Waits until the secondary holds what the primary does, and gives that. */
  async equal(): Promise<{ readonly [EU]: Contents; readonly [US]: Contents }> {
    let held: { readonly [EU]: Contents; readonly [US]: Contents } | undefined;
    await eventually(
      `${US} equals ${EU}`,
      EQUAL_MAX_MS,
      async () => {
        held = { [EU]: await this.contents(EU), [US]: await this.contents(US) };
        return differences(held[EU], held[US]).slice(0, 5);
      },
      (found) => found.length === 0,
    );
    return held as NonNullable<typeof held>;
  }

  /** Starts `syncline …` on the set. */
  syncline(args: readonly string[]): Running {
    const set = ['--set', SET, '--regions', REGIONS.join(','), '--account', LOCAL_ACCOUNT, '--keys', KEYS];
    return startSyncline([...args, ...set], this.cloud.environment(EU), RUN_MAX_MS);
  }

  /** Runs `syncline … --json` to its end. @throws Error when standard output is no JSON. */
  async document<T = Told>(args: readonly string[]): Promise<{ readonly code: number | null; readonly json: T }> {
    const asked = [...args, '--json'];
    return documentOf<T>(asked, await this.syncline(asked).outcome);
  }

  /** A verification of a member's archive: its exit code, and what it has found. */
  async verify(region: Region): Promise<{ readonly code: number | null; readonly findings: readonly Finding[] | undefined }> {
    const { code, json } = await this.document<{ readonly archives?: readonly Pick<Told, 'findings'>[] }>(['archive', 'verify', '--deep', '--member', region]);
    return { code, findings: json.archives?.[0]?.findings };
  }

  /** Waits until nobody has the lease of a restore into a table: a run that was killed keeps others out for a while. */
  async released(region: Region, table: string): Promise<void> {
    const request = { TableName: this.names(region).control, Key: { pk: { S: 'job' }, sk: { S: `restore-to-${table}` } }, ConsistentRead: true };
    await eventually(
      `the lease of the restore into ${table} is over`,
      LEASE_MAX_MS,
      async () => Number((await this.#dynamodb[region].send(new GetItemCommand(request))).Item?.['owner']?.M?.['until']?.N ?? 0),
      (until) => until < Date.now(),
    );
  }

  /**
   * Runs a command that names a time, once that can surely be archived, until it is not refused only because it is not.
   *
   * @param at RFC 3339.
   */
  async patient<T extends Told = Told>(at: string, args: readonly string[]): Promise<{ readonly code: number | null; readonly json: T }> {
    await clockPasses(Date.parse(at) + ARCHIVED_MIN_MS);
    return eventually(
      `syncline ${args.join(' ')} is not told to wait`,
      ARCHIVED_MAX_MS,
      () => this.document<T>(args),
      ({ json: { error } }) => error?.findings?.every((finding) => finding.kind === 'unfinished') !== true,
    );
  }

  /** Names of the objects below a prefix, in order. */
  async objects(region: Region, prefix: string): Promise<string[]> {
    const found: string[] = [];
    for await (const page of paginateListObjectsV2({ client: this.#s3[region] }, { Bucket: this.names(region).bucket, Prefix: prefix })) {
      found.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ''));
    }
    return found;
  }

  async object(region: Region, name: string): Promise<Buffer> {
    const { Body } = await this.#s3[region].send(new GetObjectCommand({ Bucket: this.names(region).bucket, Key: name }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  /** Stores an object as somebody else might, or deletes it. */
  async replace(region: Region, name: string, body: Buffer | undefined): Promise<void> {
    const at = { Bucket: this.names(region).bucket, Key: name };
    if (body === undefined) await this.#s3[region].send(new DeleteObjectCommand(at));
    else {
      const ChecksumSHA256 = createHash('sha256').update(body).digest('base64');
      await this.#s3[region].send(new PutObjectCommand({ ...at, Body: body, ChecksumSHA256 }));
    }
  }
}

/** Waits until this host's clock shows more than a time (ms since 1970). */
export async function clockPasses(ms: number): Promise<void> {
  while (Date.now() <= ms) await sleep(CLOCK_LOOK_MS);
}
