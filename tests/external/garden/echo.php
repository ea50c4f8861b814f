<?php
// The same as echo.py, for PHP's own server: what it understood, one JSON line each.

$headers = [];
foreach ($_SERVER as $name => $value) {
    if (str_starts_with($name, 'HTTP_')) $headers[] = [substr($name, 5), $value];
    if ($name === 'CONTENT_LENGTH' || $name === 'CONTENT_TYPE') $headers[] = [$name, $value];
}
$target = $_SERVER['REQUEST_URI'];
$number = getmypid() . '.' . hrtime(true);
$lines = [
    ['number' => $number, 'method' => $_SERVER['REQUEST_METHOD'], 'target' => $target, 'headers' => $headers],
    ['number' => $number, 'length' => strlen(file_get_contents('php://input'))],
];
foreach ($lines as $line) {
    file_put_contents('php://stdout', json_encode($line, JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES) . "\n");
}
header('Content-Type: text/plain');
echo $target;
