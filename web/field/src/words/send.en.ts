export default {
  "send.no-network": "No connection to the office. It is tried again by itself.",
  "send.too-slow": "The office did not answer in time. It is tried again by itself.",
  "send.shut-out": "The office shut this device out.",
  "send.gone": "The sealed report is no longer on this device.",
  "send.full": "The device is full.",
  "send.locked": "The app is locked.",
};
