import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Channel, Context } from '@swarmkit/sdk/plugin/plugin';
import { map } from 'rxjs';
import 'reflect-metadata';
import { inject, injectable, container as global } from 'tsyringe';
import { FactChannel } from '../channel.js';
import {
  A,
  B,
  C,
  contextOf,
  type Named,
  Points,
  plugin,
  refused,
  teller,
  world,
  lastError,
} from './kit.js';

test('what the manifest does not name is refused with plugin and token', async () => {
  const base = teller('base', [], { provides: [A, B], contributes: [Points] });
  const { ctx } = await contextOf({ requires: [A] }, [base]);
  assert.deepEqual(ctx.get(A), { by: 'base' });
  const sentences = [
    [
      () => ctx.get(B),
      'probe may not get test.b.v1: its manifest does not name it in requires or optional',
    ],
    [
      () => ctx.maybe(B),
      'probe may not get test.b.v1: its manifest does not name it in requires or optional',
    ],
    [
      () => ctx.all(Points),
      'probe may not read test.points.v1: its manifest does not name it in accepts',
    ],
    [
      () => ctx.provide(C, { by: 'x' }),
      'probe may not provide test.c.v1: its manifest does not name it in provides or contributes',
    ],
  ] as const;
  for (const [act, message] of sentences) {
    const error = await refused(act);
    assert.deepEqual([error.code, error.kind], ['KERNEL_UNDECLARED', 'permission-denied']);
    assert.equal(error.message, message);
  }
});

test('an optional token: maybe says undefined, get says no', async () => {
  const alone = await contextOf({ optional: [A] });
  assert.equal(alone.ctx.maybe(A), undefined);
  const { code, message } = await refused(() => alone.ctx.get(A));
  assert.equal(
    `${code}: ${message}`,
    'KERNEL_ABSENT: probe may not get test.a.v1: nothing provides it, use maybe',
  );
  const served = await contextOf({ optional: [A] }, [teller('z', [], { provides: [A] })]);
  assert.deepEqual(served.ctx.maybe(A), { by: 'z' });
});

test('tokens meet by id, so a second copy of the sdk works', async () => {
  const copy = { id: A.id, key: Symbol.for(A.id), many: false };
  const { ctx } = await contextOf({ requires: [copy] }, [teller('z', [], { provides: [A] })]);
  assert.deepEqual(ctx.get(A), { by: 'z' });
});

test('contributions: outer scopes first, then by plugin id, then as they were made', async () => {
  const { host } = world();
  let seen: readonly Named[] = [];
  const contributor = (id: string, scope: 'node' | 'agent'): ReturnType<typeof plugin> =>
    plugin(id, {
      scope,
      contributes: [Points],
      register: (ctx) => {
        ctx.provide(Points, { by: `${id}1` });
        ctx.provide(Points, { by: `${id}2` });
      },
    });
  const reader = plugin('reader', {
    scope: 'agent',
    accepts: [Points],
    start: (ctx) => {
      seen = ctx.all(Points);
    },
  });
  const { lever } = await import('./kit.js');
  const gate = lever('gate', 'agent', 'node', true);
  const here = host([
    contributor('c', 'agent'),
    contributor('a', 'agent'),
    contributor('z', 'node'),
    reader,
    gate.plugin,
  ]);
  await here.start();
  await here.settled();
  const expected = ['z1', 'z2', 'a1', 'a2', 'c1', 'c2'];
  assert.deepEqual(
    seen.map(({ by }) => by),
    expected,
  );
  assert.deepEqual(
    here.all(Points).map(({ by }) => by),
    expected,
  );
  await here.stop();
});

test('providing is for register, and promises are kept there', async () => {
  const { ctx } = await contextOf({ provides: [A], register: (c) => c.provide(A, { by: 'x' }) });
  const late = await refused(() => ctx.provide(A, { by: 'y' }));
  assert.equal(
    `${late.code}: ${late.message}`,
    'KERNEL_TOO_LATE: probe may not provide test.a.v1 now: do it in register',
  );
  const broken = await refused(() => contextOf({ provides: [A] }));
  assert.equal(
    `${broken.code}: ${broken.message}`,
    'KERNEL_START: probe failed in register: probe promises test.a.v1 and did not provide it',
  );
  const nothing = { provides: [A], register: (c: Context) => c.provide(A, undefined as never) };
  assert.match((await refused(() => contextOf(nothing))).message, /did not provide it$/);
  const twice = await refused(() =>
    contextOf({
      provides: [A],
      register: (c) => {
        c.provide(A, { by: 'x' });
        c.provide(A, { by: 'y' });
      },
    }),
  );
  assert.match(twice.message, /probe provides test\.a\.v1 twice$/);
});

test('a place that `providers` gave to another is filled by that one only', async () => {
  const home = world();
  const told: unknown[] = [];
  const host = home.host(
    [
      teller('one', home.story, { provides: [A, B] }),
      teller('two', home.story, { provides: [A] }),
      teller('three', home.story, { provides: [A] }),
      plugin('user', { requires: [A, B], start: (ctx) => void told.push(ctx.get(A), ctx.get(B)) }),
    ],
    { providers: { [A.id]: 'two' } },
  );
  await host.start();
  assert.deepEqual(told, [{ by: 'two' }, { by: 'one' }]);
  assert.ok(!home.story.some((line) => line.startsWith('three')), 'three has nothing to give');
  await host.stop();
});

test('work is not begun in register', async () => {
  const stream = new FactChannel<number>('x').facts$;
  const early = await refused(() =>
    contextOf({ register: (ctx) => ctx.consume('facts', stream, () => undefined) }),
  );
  assert.equal(
    early.message,
    'probe failed in register: probe may not subscribe to facts in register: do it in start',
  );
  const run = await refused(() =>
    contextOf({ register: (ctx) => ctx.run('the loop', async () => undefined) }),
  );
  assert.match(run.message, /probe may not begin the loop in register: do it in start$/);
});

test('consume: faults name plugin and stream, and the stream goes on', async () => {
  const facts = new FactChannel<number>('x');
  const seen: number[] = [];
  const { host, home } = await contextOf({
    start: (ctx) =>
      ctx.consume('commits', facts.facts$, (n) => {
        seen.push(n);
        if (n === 1) throw new Error('boom');
        if (n === 2) return Promise.reject(new Error('later boom'));
        return undefined;
      }),
  });
  facts.publish(1);
  assert.equal(host.faults().get('probe'), 1, 'a throw is reported at once');
  facts.publish(2);
  facts.publish(3);
  await host.settled();
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(host.faults().get('probe'), 2);
  const errors = home.lines.filter(({ level }) => level === 'error').map(({ message }) => message);
  assert.deepEqual(errors, [
    'probe failed in commits: boom',
    'probe failed in commits: later boom',
  ]);
});

test('consume: a throw in an operator is a fault that says that the stream is no longer read', async () => {
  const facts = new FactChannel<number>('x');
  const bad = map((n: number) => {
    if (n === 1) throw new Error('boom');
    return n;
  });
  const { host, home } = await contextOf({
    start: (ctx) => ctx.consume('commits', facts.facts$.pipe(bad), () => undefined),
  });
  facts.publish(1);
  assert.equal(host.faults().get('probe'), 1);
  assert.equal(lastError(home)?.message, 'probe failed in commits (no longer read): boom');
});

test('consume and run end with the plugin; what comes later is not begun', async () => {
  const facts = new FactChannel<number>('x');
  const seen: number[] = [];
  let ended = false;
  const { ctx, host } = await contextOf({
    start: (context) => {
      context.consume('facts', facts.facts$, (n) => void seen.push(n));
      context.run('the loop', async () => {
        await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
        ended = true;
        context.signal.throwIfAborted();
      });
    },
  });
  facts.publish(1);
  assert.equal(ctx.signal.aborted, false);
  await host.stop();
  assert.equal(ctx.signal.aborted, true);
  assert.equal(ended, true, 'the host waits for background work');
  assert.equal(host.faults().size, 0, 'an end because of the abort is no fault');
  facts.publish(2);
  ctx.consume('facts', facts.facts$, (n) => void seen.push(n));
  ctx.run('nothing', async () => void seen.push(99));
  facts.publish(3);
  assert.deepEqual(seen, [1]);
});

test('run: a rejection and a throw are faults', async () => {
  const { host, home } = await contextOf({
    start: (ctx) => {
      ctx.run('first', () => Promise.reject(new Error('one')));
      ctx.run('second', () => {
        throw new Error('two');
      });
      ctx.fault('third', 'three');
    },
  });
  await host.settled();
  const errors = home.lines.filter(({ level }) => level === 'error').map(({ message }) => message);
  assert.deepEqual(errors.sort(), [
    'probe failed in first: one',
    'probe failed in second: two',
    'probe failed in third: three',
  ]);
});

test('timers: a throw is a fault of the plugin, and what is armed ends with it', async () => {
  const told: string[] = [];
  const { ctx, host, home } = await contextOf({
    start: ({ env }) => {
      env.clock.after(10, () => {
        throw new Error('boom');
      });
      env.clock.after(50, () => told.push('never'));
      const cancel = env.clock.after(5, () => told.push('cancelled'));
      cancel();
      env.clock.after(20, () => told.push('in time'));
    },
    stop: ({ env }) => new Promise((resolve) => env.clock.after(5, resolve)),
  });
  await home.env.clock.advance(20);
  assert.deepEqual(told, ['in time']);
  assert.equal(lastError(home)?.message, 'probe failed in timer: boom');
  assert.equal(ctx.env.clock.now(), home.env.clock.now());
  assert.equal(ctx.env.clock.monotonic(), 20);
  const stopped = host.stop();
  await home.env.clock.advance(100);
  await stopped;
  assert.deepEqual(told, ['in time']);
  assert.equal(home.env.clock.armed, 0);
});

test('channels: named after the plugin, completed when it stops', async () => {
  let channel: Channel<number> | undefined;
  let completed = false;
  const { ctx, host } = await contextOf({
    register: (context) => {
      channel = context.channel<number>('commits');
    },
  });
  assert.equal(channel?.name, 'probe.commits');
  assert.equal(ctx.channel('commits'), channel);
  channel?.facts$.subscribe({ complete: () => (completed = true) });
  await host.stop();
  assert.equal(completed, true);
});

test('each plugin has its own dice, ids, logger and configuration', async () => {
  const draw = async (others: number): Promise<string> => {
    const crowd = Array.from({ length: others }, (_, n) =>
      plugin(`other-${n}`, { start: ({ env }) => void env.id() }),
    );
    const { ctx, host } = await contextOf({}, crowd);
    await host.stop();
    return `${ctx.env.id()} ${ctx.env.random.int(1000)}`;
  };
  assert.equal(await draw(0), await draw(3));
  const { ctx, home } = await contextOf({
    config: { properties: { depth: { type: 'integer', default: 3 } } },
  });
  assert.deepEqual(ctx.config, { depth: 3 });
  ctx.log.info({ a: 1 }, 'hello');
  assert.deepEqual(home.lines.at(-1), {
    level: 'info',
    message: 'hello',
    fields: { plugin: 'probe', a: 1 },
  });
});

@injectable()
class Part {
  constructor(@inject(A.key) readonly a: Named) {}
}
@injectable()
class Whole {
  constructor(
    readonly part: Part,
    @inject(B.key) readonly b: Named | undefined,
    @inject(Points.key) readonly points: readonly Named[],
  ) {}
}
@injectable()
class Greedy {
  constructor(@inject(C.key) readonly c: Named) {}
}
@injectable()
class Outer {
  constructor(readonly greedy: Greedy) {}
}

test('construct injects what the manifest names, also into parts', async () => {
  const others = [
    teller('base', [], { provides: [A] }),
    teller('x', [], { contributes: [Points] }),
    teller('hidden', [], { provides: [C] }),
  ];
  const { ctx } = await contextOf({ requires: [A], optional: [B], accepts: [Points] }, others);
  const whole = ctx.construct(Whole);
  assert.ok(whole instanceof Whole && whole.part instanceof Part);
  assert.deepEqual(
    [whole.part.a, whole.b, whole.points],
    [{ by: 'base' }, undefined, [{ by: 'x' }]],
  );
});

test('construct refuses what the manifest does not name, at any depth', async () => {
  const { ctx } = await contextOf({ requires: [A] }, [teller('all', [], { provides: [A, C] })]);
  for (const type of [Greedy, Outer]) {
    const { code, message } = await refused(() => ctx.construct<unknown>(type));
    assert.equal(code, 'KERNEL_UNDECLARED');
    assert.equal(
      message,
      `probe may not inject test.c.v1 into ${type.name}: its manifest does not name it`,
    );
  }
});

test('construct does not look into the global container', async () => {
  global.register(C.key, { useValue: { by: 'somebody' } });
  const { ctx } = await contextOf({});
  assert.equal((await refused(() => ctx.construct(Greedy))).code, 'KERNEL_UNDECLARED');
});

test('construct passes on what a constructor throws', async () => {
  const { ctx } = await contextOf({});
  class Broken {
    constructor() {
      throw new TypeError('mine');
    }
  }
  assert.throws(() => ctx.construct(Broken), new TypeError('mine'));
});

test('the context cannot be changed', async () => {
  const { ctx } = await contextOf({});
  assert.ok(Object.isFrozen(ctx));
});
