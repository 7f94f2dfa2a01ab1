package headwater;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;

/** The asynchronous client behind the methods of the synchronous one: a call waits for its answer. */
final class Joined implements InvocationHandler {
    private static final long TIMEOUT_S = 30;

    private final KinesisAsyncClient client;

    private Joined(KinesisAsyncClient client) {
        this.client = client;
    }

    static KinesisClient of(KinesisAsyncClient client) {
        Class<?>[] shown = {KinesisClient.class};
        return (KinesisClient)
                Proxy.newProxyInstance(Joined.class.getClassLoader(), shown, new Joined(client));
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
        Method same = KinesisAsyncClient.class.getMethod(method.getName(), method.getParameterTypes());
        Object answer = same.invoke(client, arguments);
        try {
            return answer instanceof CompletableFuture<?> future
                    ? future.get(TIMEOUT_S, TimeUnit.SECONDS)
                    : answer;
        } catch (ExecutionException failed) {
            throw failed.getCause();
        }
    }
}
