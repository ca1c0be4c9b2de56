/**
 * `syncline/client`: the TypeScript client of a replica set's HTTP API. docs/client.md is its guide.
 */
export type { Auth, Credentials } from './auth.ts';
export type { Checks } from './checks.ts';
export type {
  CheckCounts,
  CheckMode,
  CheckReport,
  CheckResult,
  Finding,
  FindingsPage,
  ItemDiff,
  LinkProof,
  LinkReport,
  Orphan,
  OrphanOptions,
  OrphanPage,
  PageOptions,
  Proof,
} from './checks-types.ts';
export { SynclineClient } from './client.ts';
export type { Condition, Operation, PathLike, Sort } from './conditions.ts';
export type { Discovery } from './discovery.ts';
export type { DocumentWriteOptions } from './document/client.ts';
export { ConditionalCheckFailedException, SynclineDocumentClient } from './document/client.ts';
export type {
  BatchWriteInput,
  BatchWriteOutput,
  DeleteInput,
  GetInput,
  GetOutput,
  PageKey,
  PutInput,
  QueryInput,
  QueryOutput,
  UpdateInput,
  UpdateOutput,
} from './document/inputs.ts';
export type { Attempt, Problem } from './errors.ts';
export { SynclineError } from './errors.ts';
export type { AttributeChange, HistoryOptions, HistoryPage, ItemChange } from './history.ts';
export type { ClientRuntime } from './runtime.ts';
export { SynclineSession } from './session.ts';
export type {
  BatchOptions,
  BatchOutcome,
  BatchResult,
  BatchWrite,
  CallOptions,
  ClientOptions,
  Items,
  Patch,
  PatchOptions,
  PatchOutcome,
  Query,
  QueryOptions,
  QueryPage,
  ReadItem,
  ReadOptions,
  ReadResult,
  WriteOptions,
  WriteOutcome,
} from './types.ts';
export type { NativeItem, NativeValue } from './values.ts';
export { NumberValue } from './values.ts';
