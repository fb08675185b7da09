import assert from 'node:assert/strict';
import test from 'node:test';
import type { Reconciler } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft } from '@swarmkit/sdk/contracts/store';
import { aService } from '@swarmkit/sdk/testkit/fixtures';
import fc from 'fast-check';
import { TurnRig, user } from './turn-rig.js';

const services = ['s0', 's1', 's2', 's3'];

const read = (draft: Draft, id: string, key: string): number =>
  Number(draft.get('service', id)?.spec?.annotations?.labels[key] ?? 0);

function write(draft: Draft, id: string, key: string, value: number): void {
  const service = draft.get('service', id);
  if (service === undefined || read(draft, id, key) === value) return;
  const spec = service.spec ?? assert.fail();
  const annotations = spec.annotations ?? assert.fail();
  const labels = { ...annotations.labels, [key]: String(value) };
  draft.update('service', {
    ...service,
    spec: { ...spec, annotations: { ...annotations, labels } },
  });
}

/**
 * Each stage copies what one other stage, before or behind it in the ring, says of the same or of the
 * next service. A user's number so travels round the ring; one change not shown to one stage and it
 * gets stuck.
 */
interface Copier {
  readonly from: number;
  readonly neighbour: boolean;
}

const next = (id: string): string =>
  services[(services.indexOf(id) + 1) % services.length] as string;
const previous = (id: string): string =>
  services[(services.indexOf(id) + 3) % services.length] as string;

function copier(
  rig: TurnRig,
  me: number,
  { from, neighbour }: Copier,
  fails: () => boolean,
): Reconciler {
  return rig.stage(`stage${me}`, me, ({ draft, dirty }) => {
    const ids = dirty.everything ? services : [...dirty.ids('service')];
    for (const id of ids) {
      const target = neighbour ? next(id) : id;
      write(
        draft,
        target,
        `l${me}`,
        Math.max(read(draft, target, `l${me}`), read(draft, id, `l${from}`)),
      );
    }
    if (fails()) throw new Error('on purpose');
    return undefined;
  });
}

test('every stage is shown every change of others, and the ring comes to rest', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ from: fc.nat({ max: 4 }), neighbour: fc.boolean() }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.array(
        fc.record({
          service: fc.constantFrom(...services),
          value: fc.integer({ min: 1, max: 100 }),
          what: fc.constantFrom('write', 'write', 'write', 'hold', 'open', 'refuse', 'fail'),
        }),
        { maxLength: 20, size: 'max' },
      ),
      async (copiers, steps) => {
        const rig = new TurnRig();
        let failures = 0;
        try {
          rig.store.seed({ service: services.map((id) => aService({ id })) });
          // A stage never copies itself: from 0 to n-1 other stages, else what users write (`user`).
          const stages = copiers.map((plan, me) =>
            copier(rig, me, { ...plan, from: plan.from === me ? 99 : plan.from }, () => {
              if (failures === 0) return false;
              failures -= 1;
              return true;
            }),
          );
          await rig.start(...stages);
          for (const { service, value, what } of steps) {
            if (what === 'hold') rig.held = true;
            else if (what === 'open') await rig.open();
            else if (what === 'fail') failures = 1;
            else if (what === 'refuse') {
              rig.store.refuseNext(new Error('refused on purpose'));
              await rig.rest();
            } else {
              try {
                rig.store.updateNow(user, (draft) => {
                  write(draft, service, 'l99', value);
                  write(draft, service, 'l4', value);
                });
              } catch {
                // The refusal was meant for whoever comes first.
              }
              if (value % 2 === 0) await rig.rest();
            }
          }
          await rig.open();
          failures = 0;
          rig.store.refuseNext(undefined);
          await rig.advance(60_000);
          const turns = rig.turns;
          await rig.advance(60_000);
          assert.equal(rig.turns, turns, 'the ring rests');
          rig.store.updateNow(user, (draft) => {
            for (const id of services)
              copiers.forEach(({ from, neighbour }, me) => {
                const source = neighbour ? previous(id) : id;
                const has = read(draft, id, `l${me}`);
                const must = read(draft, source, `l${from === me ? 99 : from}`);
                assert.ok(has >= must, `stage${me} of ${id}: ${has}, must have seen ${must}`);
              });
          });
        } finally {
          rig.end();
        }
      },
    ),
    { numRuns: 60, includeErrorInReport: true },
  );
});
