// What eyes would complain of, found in the page: for `page.evaluate`.

// What is wider than the window, or than the box that it is in.
export function sticksOut() {
  const wide = [...document.querySelectorAll("body, body *")].filter((element) => {
    const { right, width } = element.getBoundingClientRect();
    const scrolls = element.tagName !== "INPUT" && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0;
    return !element.closest(".hidden") && width > 1 && (right > innerWidth + 1 || (scrolls && getComputedStyle(element).display !== "inline"));
  });
  return wide.map((element) => element.outerHTML.slice(0, 100));
}

// Texts with less contrast than WCAG 2.2 asks for, 4.5 to 1.
export function standsBack() {
  // A canvas knows every way to write a colour, and what is seen of one through another.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const seen = (colours) => {
    for (const colour of ["white", ...colours]) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = (colours) => {
    const [r, g, b] = [...seen(colours)].slice(0, 3).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = (element) =>
    element ? [...grounds(element.parentElement), getComputedStyle(element).backgroundColor] : [];
  const texts = [...document.querySelectorAll("body *")].filter((element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()) && !element.disabled && element.checkVisibility());
  return texts.flatMap((element) => {
    const behind = grounds(element);
    const [one, other] = [[...behind, getComputedStyle(element).color], behind].map(luminance).sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    return contrast < 4.5 ? [`${contrast.toFixed(2)} ${element.outerHTML.slice(0, 100)}`] : [];
  });
}
