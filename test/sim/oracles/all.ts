import type { MakeOracle } from '../oracle.ts';
import { archive } from './archive.ts';
import { converge } from './converge.ts';
import { deadlines } from './deadlines.ts';
import { fence } from './fence.ts';
import { fidelity } from './fidelity.ts';
import { follow } from './follow.ts';
import { lanes } from './lanes.ts';
import { log } from './log.ts';
import { marks } from './marks.ts';
import { order } from './order.ts';
import { owner } from './owner.ts';
import { returns } from './returns.ts';

/** Every oracle. Each run has all of them. */
export const ORACLES: readonly MakeOracle[] = [order, fence, deadlines, fidelity, lanes, marks, log, owner, follow, returns, converge, archive];
