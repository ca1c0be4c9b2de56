import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import { REFUSED } from '../lib/core/formats/refused-row.ts';
import { SELF, SHARD } from '../lib/core/formats/rows.ts';
import type { FunctionName } from '../lib/core/names.ts';
import { functionArn, linkNames, memberNames, queueArn, tableArn } from '../lib/core/names.ts';

/**
 * What each function may do: the grants table of DESIGN.md's Inventory, as policy statements. Pure.
 *
 * ARNs are built from names, because stacks do not refer to each other. Rows of `control` are granted by their partition
 * (`dynamodb:LeadingKeys`), IAM cannot see a sort key; where a partition holds rows of several writers, the attributes
 * that a function may touch tell them apart (`dynamodb:Attributes`: all top-level names in a request, its conditions included).
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
 */
export interface Grant {
  readonly sid: string;
  readonly effect?: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/** Partitions of `control` whose rows come with later features; rows.ts will name them when it encodes them. */
const ORPHAN = 'orphan';
const JOB = 'job';

const dynamodb = (...names: string[]): string[] => names.map((name) => `dynamodb:${name}`);
const sqs = (...names: string[]): string[] => names.map((name) => `sqs:${name}`);
const events = (...names: string[]): string[] => names.map((name) => `events:${name}`);
const s3 = (...names: string[]): string[] => names.map((name) => `s3:${name}`);

const leading = (...partitions: string[]): NonNullable<Grant['conditions']> => ({ 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': partitions } });

/** Attributes of a seat that a function other than its own member's `control` may name: the fence, its opening, whose epoch it is. */
const FENCE_ATTRIBUTES = ['pk', 'sk', 'fence', 'open', 'primary'];
/** Attributes that only seats have. Who must not write seats is refused every update that names one. */
const SEAT_ATTRIBUTES = ['fence', 'open', 'own', 'primary', 'stream', 'successor', 'tableId', 'until', 'url', 'v'];

/** Everything of a member that a grant may name. */
function arns(config: SetConfig, member: MemberConfig) {
  const names = memberNames(config.set, member);
  const bucket = `arn:aws:s3:::${names.bucket}`;
  const links = config.members.filter((m) => m.name !== member.name).map((m) => linkNames(config.set, member, m));
  return {
    items: tableArn(member, member.items),
    tombstones: tableArn(member, names.tombstones),
    control: tableArn(member, names.control),
    requests: tableArn(member, names.requests),
    queues: links.map((l) => queueArn(member, l.queue)),
    dlqs: links.map((l) => queueArn(member, l.dlq)),
    streamFailures: queueArn(member, names.streamFailures),
    bucket,
    api: functionArn(member, names.fn('api')),
    eventBus: `arn:aws:events:${member.region}:${member.account}:event-bus/default`,
    objects: (...prefixes: string[]) => prefixes.map((prefix) => `${bucket}/${prefix}/*`),
  };
}
type Arns = ReturnType<typeof arns>;

/**
 * The statements of a function's role, its own log group's apart.
 *
 * @param streamArn the items table's stream; by default any stream of the table, since DynamoDB mints the label at the end of a stream's ARN.
 */
export function grants(fn: FunctionName, config: SetConfig, member: MemberConfig, streamArn?: string): readonly Grant[] {
  const here = arns(config, member);
  const there = config.members.filter((m) => m.name !== member.name).map((m) => arns(config, m));
  const stream = streamArn ?? `${here.items}/stream/*`;
  return GRANTS[fn](here, there, stream).filter((grant) => grant.resources.length > 0);
}

type Rule = (here: Arns, there: readonly Arns[], stream: string) => Grant[];

/** Listing what begins with these prefixes. Without it S3 also answers "denied" where a key is not there. */
const listing = (here: Arns, ...prefixes: string[]): Grant => ({
  sid: 'ListBucket',
  actions: s3('ListBucket'),
  resources: [here.bucket],
  conditions: { StringLike: { 's3:prefix': prefixes.map((prefix) => `${prefix}/*`) } },
});

/** What Lambda does with the role of a stream's reader: reads the stream, and reports batches that it gave up. */
const readsStream = (here: Arns, stream: string): Grant[] => [
  { sid: 'ReadStream', actions: dynamodb('DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'), resources: [stream] },
  { sid: 'ReportLostBatches', actions: sqs('SendMessage'), resources: [here.streamFailures] },
];

const fanout: Rule = (here, _there, stream) => [
  ...readsStream(here, stream),
  { sid: 'ReadSelf', actions: dynamodb('Query'), resources: [here.control], conditions: leading(SELF) },
  { sid: 'MarkShard', actions: dynamodb('UpdateItem'), resources: [here.control], conditions: leading(SHARD) },
  ...updatesLinks(here),
  { sid: 'SendToLinks', actions: sqs('SendMessage'), resources: here.queues },
];

const observe: Rule = (here, _there, stream) => [
  ...readsStream(here, stream),
  // The seat, how far the log is, and the minute run's notes: that it keeps up, and that the member was deposed.
  { sid: 'ReadControl', actions: dynamodb('GetItem'), resources: [here.control], conditions: leading(SELF, SHARD, JOB) },
  { sid: 'MarkShard', actions: dynamodb('UpdateItem'), resources: [here.control], conditions: leading(SHARD) },
  // Whether a removal at a secondary is an applier's: that leaves a tombstone first.
  { sid: 'ReadTombstones', actions: dynamodb('BatchGetItem'), resources: [here.tombstones] },
  { sid: 'KeepOrphans', actions: dynamodb('PutItem'), resources: [here.control], conditions: leading(ORPHAN) },
  { sid: 'WriteLog', actions: s3('GetObject', 'PutObject'), resources: here.objects('log') },
  listing(here, 'log'),
];

const apply: Rule = (here, there) => [
  { sid: 'OwnLanes', actions: sqs('ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility', 'GetQueueAttributes'), resources: here.queues },
  { sid: 'RefuseRecords', actions: sqs('SendMessage'), resources: here.dlqs },
  { sid: 'ReadSource', actions: dynamodb('BatchGetItem', 'DescribeTable'), resources: [here.items] },
  { sid: 'ReadSelf', actions: dynamodb('GetItem', 'Query'), resources: [here.control], conditions: leading(SELF) },
  ...updatesLinks(here),
  { sid: 'WriteReports', actions: s3('PutObject'), resources: here.objects('reports') },
  {
    sid: 'WriteReplicas',
    actions: dynamodb('BatchGetItem', 'BatchWriteItem', 'PutItem', 'DeleteItem'),
    resources: there.flatMap((m) => [m.items, m.tombstones]),
  },
  { sid: 'ReadFences', actions: dynamodb('BatchGetItem', 'GetItem'), resources: there.map((m) => m.control), conditions: leading(SELF) },
  {
    sid: 'RaiseFences',
    actions: dynamodb('UpdateItem'),
    resources: there.map((m) => m.control),
    conditions: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [SELF], 'dynamodb:Attributes': FENCE_ATTRIBUTES } },
  },
  {
    sid: 'KeepRefused',
    actions: dynamodb('BatchGetItem', 'GetItem', 'PutItem', 'DeleteItem'),
    resources: there.map((m) => m.control),
    conditions: leading(REFUSED),
  },
];

const reconcile: Rule = (here, there, stream) => [
  // It scans for sweeps, and reads what a hand-made item at a secondary would be replaced by.
  { sid: 'ReadItems', actions: dynamodb('BatchGetItem', 'Scan', 'DescribeTable'), resources: [here.items] },
  // Which shards are open, so that it knows when all that was written has been sent. It reads no record.
  { sid: 'DescribeStream', actions: dynamodb('DescribeStream'), resources: [stream] },
  {
    sid: 'ReadControl',
    actions: dynamodb('BatchGetItem', 'GetItem', 'Query'),
    resources: [here.control],
    conditions: leading(SELF, SHARD, REFUSED, ORPHAN, JOB),
  },
  {
    sid: 'WriteControl',
    actions: dynamodb('PutItem', 'UpdateItem', 'DeleteItem'),
    resources: [here.control],
    conditions: leading(SHARD, REFUSED, ORPHAN, JOB),
  },
  ...updatesLinks(here),
  { sid: 'SendToLinks', actions: sqs('SendMessage', 'GetQueueAttributes', 'PurgeQueue'), resources: here.queues },
  // It sends there, too: a letter that it cannot read is put aside, into a group of its own.
  {
    sid: 'DrainDeadLetters',
    actions: sqs('ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility', 'GetQueueAttributes', 'SendMessage'),
    resources: here.dlqs,
  },
  { sid: 'ReadBucket', actions: s3('GetObject'), resources: here.objects('log', 'index', 'scans', 'reports') },
  { sid: 'WriteBucket', actions: s3('PutObject', 'DeleteObject'), resources: here.objects('scans', 'reports') },
  // Roll-ups of the log's footers. The log itself it never writes.
  { sid: 'WriteIndex', actions: s3('PutObject'), resources: here.objects('index') },
  { sid: 'ListBuckets', actions: s3('ListBucket'), resources: [here, ...there].map((m) => m.bucket) },
  { sid: 'ReadOtherBuckets', actions: s3('GetObject'), resources: there.flatMap((m) => m.objects('log', 'scans')) },
  { sid: 'ReadOthersRefused', actions: dynamodb('GetItem', 'Query'), resources: there.map((m) => m.control), conditions: leading(REFUSED) },
  // Whether a table that was checked is the one that is there; and the copies of keys that it refuses, which no log shows.
  { sid: 'KnowOthersTables', actions: dynamodb('BatchGetItem', 'DescribeTable'), resources: there.map((m) => m.items) },
  { sid: 'TellEvents', actions: events('PutEvents'), resources: [here.eventBus] },
  { sid: 'PutOthersJobsAndOrphans', actions: dynamodb('PutItem'), resources: there.map((m) => m.control), conditions: leading(JOB, ORPHAN) },
];

const api: Rule = (here, there) => [
  // A transaction needs the permissions of its parts; it checks an item that it does not write, too.
  { sid: 'Serve', actions: dynamodb('BatchGetItem', 'GetItem', 'Query', 'PutItem', 'DeleteItem', 'ConditionCheckItem'), resources: [here.items] },
  // A half-done delete (an item older than its tombstone) is not shown, so the tombstone is read, too.
  { sid: 'ReadTombstones', actions: dynamodb('BatchGetItem', 'GetItem', 'Query'), resources: [here.tombstones] },
  { sid: 'RememberRequests', actions: dynamodb('BatchGetItem', 'GetItem', 'PutItem', 'ConditionCheckItem'), resources: [here.requests] },
  { sid: 'ReadControl', actions: dynamodb('BatchGetItem', 'GetItem', 'Query'), resources: [here.control], conditions: leading(SELF, ORPHAN, REFUSED, JOB) },
  { sid: 'ReadBucket', actions: s3('GetObject'), resources: here.objects('log', 'index', 'reports') },
  // A key's history is found by the names in the log and its roll-ups; the parts of a check's findings by theirs.
  listing(here, 'log', 'index', 'reports'),
  // Whether a member holds a write; and reads while the own tables do not answer.
  { sid: 'ReadOthers', actions: dynamodb('BatchGetItem', 'GetItem', 'Query'), resources: there.flatMap((m) => [m.items, m.tombstones]) },
  // Whose copy it is that is read there, and whether it is a primary's: without that a half-done delete would be shown.
  { sid: 'ReadOthersSeats', actions: dynamodb('BatchGetItem', 'GetItem'), resources: there.map((m) => m.control), conditions: leading(SELF) },
  { sid: 'ForwardToOthers', actions: ['lambda:InvokeFunction'], resources: there.map((m) => m.api) },
];

/** Link rows share their partition with the seat: an update of one may not name what only a seat has. */
function updatesLinks(here: Arns): Grant[] {
  return [
    { sid: 'UpdateLinks', actions: dynamodb('UpdateItem'), resources: [here.control], conditions: leading(SELF) },
    {
      sid: 'NeverTheSeat',
      effect: 'Deny',
      actions: dynamodb('UpdateItem'),
      resources: [here.control],
      conditions: { 'ForAnyValue:StringEquals': { 'dynamodb:LeadingKeys': [SELF], 'dynamodb:Attributes': SEAT_ATTRIBUTES } },
    },
  ];
}

const GRANTS: Readonly<Record<FunctionName, Rule>> = {
  fanout,
  observe,
  apply,
  reconcile,
  api,
  // The control function comes with failover; until then no role is made for it.
  control: () => [],
};
