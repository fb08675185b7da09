import { type Counts, LightAgent } from './light-agent.js';

/** A process that is many agents. It is told what to do by its parent, and tells how its agents are. */

export type HerdOrder =
  | {
      readonly do: 'join';
      readonly count: number;
      readonly address: string;
      readonly token: string;
      readonly name: string;
    }
  | { readonly do: 'renew' };

const counts: Counts = {
  ready: 0,
  rejected: 0,
  lost: 0,
  reopened: 0,
  renewed: 0,
  tasks: 0,
  errors: {},
};
const agents: LightAgent[] = [];

process.on('message', (order: HerdOrder) => {
  switch (order.do) {
    case 'join':
      for (let i = 0; i < order.count; i++) {
        const agent = new LightAgent(`${order.name}-${i}`, order.address, order.token, counts);
        agents.push(agent);
        void agent.join();
      }
      break;
    case 'renew':
      for (const agent of agents) void agent.renew();
      break;
  }
});
process.on('disconnect', () => process.exit());
// A parent that is gone is told nothing.
setInterval(() => process.send?.(counts, undefined, {}, () => undefined), 50);
