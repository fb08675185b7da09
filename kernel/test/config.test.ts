import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConfig } from '../config.js';
import { plugin, refused } from './kit.js';

const scheduler = plugin('scheduler', {
  config: {
    properties: {
      depth: { type: 'integer', minimum: 1, default: 3 },
      mode: { enum: ['spread', 'pack'], default: 'spread' },
      pools: {
        type: 'array',
        items: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
      },
      nested: {
        type: 'object',
        default: {},
        properties: { deep: { type: 'boolean', default: true } },
      },
      free: { type: 'object', properties: {}, additionalProperties: true },
    },
  },
});
const check = (config: Record<string, unknown>): unknown =>
  checkConfig([scheduler, plugin('plain')], config).scheduler;
const problem = async (config: Record<string, unknown>): Promise<string> => {
  const { code, message } = await refused(() => check(config));
  assert.equal(code, 'KERNEL_CONFIG');
  return message.replace('the configuration cannot be used: ', '');
};

test('defaults are filled in, also deep, and the input stays as it was', () => {
  const given = { scheduler: { depth: 5, nested: {} } };
  assert.deepEqual(check(given), { depth: 5, mode: 'spread', nested: { deep: true } });
  assert.deepEqual(given, { scheduler: { depth: 5, nested: {} } });
  assert.deepEqual(check({}), { depth: 3, mode: 'spread', nested: { deep: true } });
});

test('unknown keys are errors that name path and plugin', async () => {
  assert.equal(await problem({ scheduler: { foo: 1 } }), 'scheduler: config.foo is not known');
  assert.equal(
    await problem({ scheduler: { pools: [{ name: 'a', siez: 1 }] } }),
    'scheduler: config.pools[0].siez is not known',
  );
  assert.equal(
    await problem({ scheduler: { nested: { x: 1 } } }),
    'scheduler: config.nested.x is not known',
  );
  assert.deepEqual((check({ scheduler: { free: { x: 1 } } }) as { free: object }).free, { x: 1 });
});

test('a plugin without a schema takes no configuration', async () => {
  assert.equal(await problem({ plain: { x: 1 } }), 'plain: config.x is not known');
  assert.deepEqual(checkConfig([plugin('plain')], { plain: {} }).plain, {});
  assert.deepEqual(checkConfig([plugin('plain')], {}).plain, {});
});

test('configuration of an unknown plugin is an error', async () => {
  assert.equal(await problem({ shceduler: {} }), 'shceduler: no such plugin is installed');
});

test('everything that is wrong is said at once', async () => {
  assert.equal(
    await problem({
      nobody: {},
      scheduler: { depth: 0, mode: 'x', pools: [{}], foo: 1 },
      plain: 7,
    }),
    [
      'nobody: no such plugin is installed',
      'scheduler: config.foo is not known',
      'scheduler: config.depth must be >= 1',
      'scheduler: config.mode must be equal to one of the allowed values: spread, pack',
      'scheduler: config.pools[0].name is missing',
      'plain: config must be object',
    ].join('; '),
  );
});

test('a schema that ajv cannot use is the fault of its plugin', async () => {
  const broken = plugin('broken', { config: { properties: { a: { type: 'nonsense' } } } });
  const { code, message } = await refused(() => checkConfig([broken], {}));
  assert.equal(code, 'KERNEL_SCHEMA');
  assert.match(message, /^broken has a broken config schema: /);
});
