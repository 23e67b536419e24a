// Hands a file to the person: shared where the phone can (so that it goes by cable, card or another app), downloaded elsewhere.

export async function saveFile(made: Promise<Blob> | Blob): Promise<void> {
  const blob = await made;
  const stamp = new Date().toISOString().slice(0, 16).replace(/[-:T]/g, "");
  const name = `fieldpost-${stamp}.fpq`;
  const file = new File([blob], name, { type: "application/octet-stream" });
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads the file after the click has returned.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
