import type { KeySchema } from '../core/key.ts';
import type { ObjectPort } from '../ports/objects.ts';
import type { MemberContext } from '../replicate/context.ts';

/** Where a member's archive is: its bucket, and whose it is. */
export interface ArchivePlace {
  readonly objects: ObjectPort;
  readonly bucket: string;
  readonly set: string;
  readonly member: string;
  /** The table's key. */
  readonly key: KeySchema;
}

/** The archive of a member. @param objects S3 of its region */
export const archivePlace = ({ bucket, set, member, key }: MemberContext, objects: ObjectPort): ArchivePlace => ({ objects, bucket, set, member, key });
