import type { MakeOracle } from '../oracle.ts';
import { converge } from './converge.ts';
import { order } from './order.ts';

/** Every oracle. Each run has all of them. */
export const ORACLES: readonly MakeOracle[] = [order, converge];
