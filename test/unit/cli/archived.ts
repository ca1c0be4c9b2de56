import type { Step } from '../archive/history/story.ts';
import { storeLog, story } from '../archive/history/story.ts';
import type { World } from './world.ts';
import { city, NOW } from './world.ts';

/** Logs of cities, for commands that read them. */

/** What becomes of a city: its names, one after the other; undefined where it is given up. @param ago s before NOW */
export const cityStory = (id: number, ...names: readonly (readonly [ago: number, name: string | undefined])[]): Step[] =>
  story(...names.map(([ago, name]) => [NOW - ago * 1_000, name === undefined ? undefined : city(id, name)] as const));

/** Stores the segments of a member's log, and gives their names. */
export const archiveSteps = (world: World, member: string, segments: readonly (readonly Step[])[]): Promise<string[]> => {
  const { set, key, bucket } = world.context(member);
  return storeLog({ objects: world.region(member).objects, bucket, set, member, key }, segments);
};
