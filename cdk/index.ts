/**
 * The construct library: what `import { ReplicaSet } from 'syncline'` gives. Everything else in this folder is its inside.
 */
export type { Throttle } from './api.ts';
export type { ArchiveProps } from './archive.ts';
export type { ApiAuth } from './auth.ts';
export type { CheckProps } from './check.ts';
export type { ApiClient } from './clients.ts';
export type { CodeOf } from './functions.ts';
export type { MemberStacks, ReplicaSetProps } from './replica-set.ts';
export { ReplicaSet } from './replica-set.ts';
export type { MemberSettings, ReplicaSetMemberProps } from './replica-set-member.ts';
export { ReplicaSetMember } from './replica-set-member.ts';
export type { Encryption, ExistingTable, Limits, MemberProps, SetProps } from './set.ts';
export { SetPropsError } from './set.ts';
