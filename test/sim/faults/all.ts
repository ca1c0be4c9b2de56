import type { FaultKind } from '../fault.ts';
import { lostAnswer } from './lost-answer.ts';
import { redelivery } from './redelivery.ts';

/** Every kind of fault, in the order in which a request meets them. */
export const FAULTS: readonly FaultKind[] = [lostAnswer, redelivery];
