import type { KeySchema } from '../core/key.ts';
import type { ObjectPort } from '../ports/objects.ts';

/** Where a member's archive is: its bucket, and whose it is. */
export interface ArchivePlace {
  readonly objects: ObjectPort;
  readonly bucket: string;
  readonly set: string;
  readonly member: string;
  /** The table's key. */
  readonly key: KeySchema;
}
