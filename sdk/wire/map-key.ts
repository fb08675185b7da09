// Puts an entry of a decoded map field into its plain object.
// Keys come from peers: `__proto__` must become an ordinary own key, as it is on the wire, and
// must never reach the setter that Object.prototype has under this name.

/** Sets `map[key]` as an own, enumerable property, whatever the key is. */
export function putKey<V>(map: { [key: string]: V }, key: string | number, value: V): void {
  if (key === '__proto__') {
    Object.defineProperty(map, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  } else {
    map[key] = value;
  }
}
