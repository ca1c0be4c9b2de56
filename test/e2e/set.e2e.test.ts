import { afterAll, beforeAll } from 'vitest';
import { api } from './sections/api.ts';
import { clientSurvives } from './sections/client.ts';
import { commands } from './sections/commands.ts';
import { lostRegion, outages } from './sections/outages.ts';
import { poison } from './sections/poison.ts';
import { serve } from './sections/serve.ts';
import { World } from './support/world.ts';

/**
 * The whole product on the deployed stacks of a local cloud. One deployment serves all sections, in this order: the
 * last two lose a region for good. Every wait is for a condition, with a deadline.
 */

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(async () => {
  await world?.stop();
});

const deployed = (): World => world;
commands(deployed);
api(deployed);
serve(deployed);
poison(deployed);
outages(deployed);
lostRegion(deployed);
clientSurvives(deployed);
