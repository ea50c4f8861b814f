// What differs between two values, as a merge patch (RFC 7396), and what such a patch makes of a value.

const isMap = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

// What makes `after` of `before`. In it `null` takes a field away; maps are merged, lists replaced.
export function diff(before, after) {
  const patch = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[name], after[name]];
    if (now === undefined || now === null) {
      if (old !== undefined && old !== null) patch[name] = null;
    } else if (isMap(old) && isMap(now)) {
      const inner = diff(old, now);
      if (Object.keys(inner).length) patch[name] = inner;
    } else if (JSON.stringify(old) !== JSON.stringify(now)) patch[name] = now;
  }
  return patch;
}

export function merged(value, patch) {
  if (!isMap(patch)) return patch;
  const whole = isMap(value) ? { ...value } : {};
  for (const [name, inner] of Object.entries(patch)) {
    if (inner === null) delete whole[name];
    else whole[name] = merged(whole[name], inner);
  }
  return whole;
}
