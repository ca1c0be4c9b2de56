/**
 * What `doctor` has seen, before anybody judges it. Gathered by the command, judged by the pure checks beside this file.
 */

/** Something that was looked at, or why it could not be. */
export type Fact<T> = { readonly seen: true; readonly value: T } | Unseen;

/** Why something could not be looked at. */
export interface Unseen {
  readonly seen: false;
  readonly why: string;
  /** It was refused, rather than unanswered: credentials, or what they may do. */
  readonly denied: boolean;
}

/** Who the credentials are. */
export interface Identity {
  /** 12 digits. */
  readonly account: string;
  readonly arn: string;
}

/** This machine's clock against AWS's, by one answer's Date header. */
export interface ClockReading {
  /** AWS's time minus this machine's (ms). */
  readonly offsetMs: number;
  /** How far that may be wrong (ms): half of the round trip, and half of the header's second. */
  readonly uncertaintyMs: number;
}

/** The stack of `cdk bootstrap`; undefined where there is none. */
export interface Bootstrap {
  readonly status: string;
  /** Its BootstrapVersion. */
  readonly version?: number;
}

/** Lambda's concurrency in a region's account. */
export interface Concurrency {
  readonly limit: number;
  readonly unreserved: number;
}

/** A table, as DynamoDB describes it. */
export interface TableFacts {
  readonly status: string;
  readonly key: readonly { readonly name: string; readonly type: string }[];
  readonly stream?: { readonly arn: string; readonly view: string };
  readonly onDemand: boolean;
  /** Writes that it could take at once (units/s); absent where the cloud does not say. */
  readonly warmWrites?: number;
  readonly provisionedWrites?: number;
  readonly itemCount: number;
  readonly deletionProtection: boolean;
  /** KMS key of the table; absent for DynamoDB's own key. */
  readonly kms?: { readonly arn: string /** Since when it cannot be used. */; readonly inaccessibleSince?: string };
  /** Regions in which Global Tables keeps copies of it. */
  readonly globalReplicas: readonly string[];
  /** The TTL attribute, when TTL is on. */
  readonly ttl: Fact<string | undefined>;
  readonly pointInTimeRecovery: Fact<boolean>;
}

/** A Lambda event source mapping that reads a stream. */
export interface Reader {
  readonly id: string;
  /** Name of its function. */
  readonly fn: string;
  readonly state: string;
  readonly lastResult?: string;
}

/** A resource of a stack. */
export interface StackResource {
  readonly logicalId: string;
  readonly type: string;
  readonly physicalId?: string;
  readonly status: string;
  /** Whether the service itself knows it; `unasked` for types that are not looked up, or where it did not answer. */
  readonly answer: 'there' | 'missing' | 'unasked';
}

/** A stack of a member; undefined where there is none. */
export interface StackFacts {
  readonly name: string;
  readonly status: string;
  readonly resources: readonly StackResource[];
}

/** One member's region. */
export interface MemberDoctorFacts {
  readonly member: string;
  readonly region: string;
  /** As the configuration has it; undefined when nobody named one. */
  readonly account?: string;
  readonly identity: Fact<Identity>;
  readonly clock: Fact<ClockReading>;
  readonly bootstrap: Fact<Bootstrap | undefined>;
  readonly concurrency: Fact<Concurrency>;
  readonly itemsName: string;
  readonly items: Fact<TableFacts | undefined>;
  readonly tombstones: Fact<TableFacts | undefined>;
  readonly control: Fact<TableFacts | undefined>;
  /** Readers of the items' stream; undefined without a stream. */
  readonly readers: Fact<readonly Reader[] | undefined>;
  /** Names of our own functions that read the stream. */
  readonly ownReaders: readonly string[];
  readonly stacks: readonly { readonly name: string; readonly facts: Fact<StackFacts | undefined> }[];
}

/** Everything that was seen. */
export interface DoctorFacts {
  readonly set: string;
  /** The configured key, partition first. */
  readonly key: readonly { readonly name: string; readonly type: string }[];
  /** The cloud is this machine's: some of AWS's settings are not there to be judged. */
  readonly local: boolean;
  readonly members: readonly MemberDoctorFacts[];
  /** How the deployed set expires items; undefined where it is not deployed, absent where nobody looked. */
  readonly expiry?: Fact<ExpiryFacts | undefined>;
}

/** What the functions know of the expiry of items. */
export interface ExpiryFacts {
  /** `local`: each member's TTL deletes its own copies; `replicate`: the primary's, and the deletes travel. */
  readonly mode: 'local' | 'replicate';
  /** The TTL attribute that the set is deployed with. */
  readonly attribute?: string;
}

/** How a finding is: fine; to be looked at; it stops a deployment or the replication. */
export type Level = 'ok' | 'warn' | 'fail';

/** One check's result. */
export interface Finding {
  /** Stable name of the check, e.g. "stream-view". */
  readonly check: string;
  /** The member that it is about; absent for the set. */
  readonly member?: string;
  readonly level: Level;
  /** What was seen, in one sentence. */
  readonly message: string;
  /** What to do; absent when it is fine. */
  readonly todo?: string;
}

/** A finding for something that could not be looked at. */
export const unseen = (check: string, member: string, what: string, why: string): Finding => ({
  check,
  member,
  level: 'warn',
  message: `${what} could not be looked at: ${why}`,
  todo: 'Allow it to your credentials, or look by hand.',
});
