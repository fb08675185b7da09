// A message of a newer version, read and written by this one, loses nothing.
// The newer fields are encoded by hand: there is no newer .proto to generate from.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FastWriter } from '../fast-writer.js';
import { Annotations } from '../gen/swarmkit/types.js';
import { Cluster, Service, Task } from '../gen/swarmkit/objects.js';
import { StoreAction, StoreActionKind } from '../gen/swarmkit/raft.js';
import { toJson } from '../json.js';
import type { MessageType } from '../message-type.js';

/** Five fields that no message of ours has, one of each wire type. */
function newer(writer: FastWriter): FastWriter {
  return writer
    .tag(1000, 0)
    .uint64(18446744073709551615n)
    .tag(1001, 1)
    .fixed64(72623859790382856n)
    .tag(1002, 2)
    .string('newer')
    .tag(1003, 3) // a group
    .tag(1, 0)
    .uint32(5)
    .tag(2, 2)
    .string('in a group')
    .tag(1003, 4)
    .tag(536870911, 5) // the highest field number
    .fixed32(0xdeadbeef);
}

function hex<T>(codec: MessageType<T>, message: T): string {
  return codec.encode(message).finish().toString('hex');
}

const NEWER_HEX = newer(new FastWriter()).finish().toString('hex');

describe('unknown fields', () => {
  it('survive at the top of a message', () => {
    const bytes = newer(Service.encode(Service.create({ id: 's' }))).finish();
    const service = Service.decode(bytes);
    assert.equal(service.id, 's');
    assert.equal(hex(Service, service), bytes.toString('hex'));
  });

  it('survive in a nested message', () => {
    const writer = new FastWriter().tag(1, 2).string('s').tag(3, 2).fork().tag(1, 2).fork();
    const bytes = newer(writer.tag(1, 2).string('name')).join().join().finish();
    const service = Service.decode(bytes);
    assert.equal(service.spec?.annotations?.name, 'name');
    assert.equal(hex(Service, service), bytes.toString('hex'));
  });

  it('survive in the value of a map', () => {
    const writer = new FastWriter().tag(8, 2).fork().tag(1, 2).string('n1').tag(2, 2).fork();
    const bytes = newer(writer.tag(1, 2).fork().tag(1, 0).int64(9n).join()).join().join().finish();
    const cluster = Cluster.decode(bytes);
    assert.equal(cluster.blacklistedCertificates.n1?.expiry?.seconds, 9n);
    assert.equal(hex(Cluster, cluster), bytes.toString('hex'));
  });

  it('survive as an unknown arm of a oneof', () => {
    const bytes = new FastWriter().tag(1, 0).int32(2).tag(99, 2).string('new kind').finish();
    const action = StoreAction.decode(bytes);
    assert.equal(action.target, undefined);
    assert.equal(hex(StoreAction, action), bytes.toString('hex'));
  });

  it('survive as an unknown value of an enum', () => {
    const bytes = new FastWriter().tag(1, 0).int32(77).finish();
    const action = StoreAction.decode(bytes);
    assert.equal(action.action, 77);
    assert.equal(StoreActionKind[action.action], undefined);
    assert.equal(hex(StoreAction, action), bytes.toString('hex'));
  });

  it('survive as a known number with another wire type', () => {
    const bytes = new FastWriter().tag(1, 0).uint32(300).finish();
    const task = Task.decode(bytes);
    assert.equal(task.id, '');
    assert.equal(hex(Task, task), bytes.toString('hex'));
  });

  it('survive repeated, in order', () => {
    const writer = new FastWriter().tag(2000, 2).string('a').tag(2000, 2).string('');
    const bytes = writer.tag(2000, 2).string('b').finish();
    assert.equal(hex(Task, Task.decode(bytes)), bytes.toString('hex'));
  });

  it('survive copies of the message', () => {
    const writer = Annotations.encode(Annotations.create({ name: 'x', labels: { a: 'b' } }));
    const annotations = Annotations.decode(newer(writer).finish());
    const copies = [
      { ...annotations },
      structuredClone(annotations),
      Annotations.fromPartial(annotations),
      Annotations.create({ ...annotations }),
    ];
    for (const copy of copies) {
      assert.equal(hex(Annotations, copy), hex(Annotations, annotations));
    }
    const task = Task.create({ annotations });
    const bytes = Task.encode(task).finish();
    assert.ok(bytes.toString('hex').includes(NEWER_HEX));
  });

  it('do not share memory with the input', () => {
    const bytes = newer(new FastWriter()).finish();
    const task = Task.decode(bytes);
    bytes.fill(0);
    assert.equal(hex(Task, task), NEWER_HEX);
  });

  it('are no property of a message without them', () => {
    const task = Task.decode(Task.encode(Task.create({ id: 't', spec: {} })).finish());
    assert.ok(!('_unknownFields' in task));
    assert.ok(task.spec && !('_unknownFields' in task.spec));
  });

  it('are not printed', () => {
    const annotations = Annotations.decode(newer(new FastWriter()).finish());
    assert.deepStrictEqual(toJson(annotations), { name: '', labels: {}, indices: [] });
  });
});
