import { openKind } from '../proof/open-kind.ts';
import { scanKind } from '../scan/kind.ts';
import type { AnyTaskKind } from './work.ts';

/** Every kind of task that a member works at. */
export const TASK_KINDS: readonly AnyTaskKind[] = [scanKind, openKind];
